"""The owner of one session's lane in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from actors.errors import JournalError, ProcessError
from actors.messages import CloseLane, Enqueue, OpenLane, Withdraw
from actors.model import OutgoingMessage, SessionStatus
from actors.ports import Board, Lane, LaneListener, LaneView
from supervision import Actor, Context, Exit

log = structlog.get_logger(__name__)

SWEEP_EVERY = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane's actor is made of.

    `undone` reads this session's rows, as many as `Lane.rebuild` needs: blocking, with its own deadline.
    """

    session_id: str
    make: Callable[[], Lane]  # a new lane for each incarnation
    undone: Callable[[], Sequence[OutgoingMessage]]
    board: Board
    sweep_every: float = SWEEP_EVERY
    stop_deadline: float = 4.0  # shorter than the child's shutdown
    wanted: Callable[[], None] = lambda: None  # messages wait for the session; any thread, must not block


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Compare the queues with the journal, and the gate with the session."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """The lane waits for a rebuild."""


@dataclass(frozen=True, slots=True)
class _Died:
    incarnation: int
    error: BaseException


class LaneActor(Actor):
    """Opens and closes the lane as the session says, keeps its queues whole, and crashes when it dies.

    Told messages may get lost while nobody is here, so a sweep compares with the journal and the board.
    """

    def __init__(self, context: Context, parts: LaneParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._lane: Lane | None = None
        self._waiting = False  # a message is due, and its session cannot send

    def started(self) -> None:
        """Start the lane; it asks for a rebuild by itself when Redis answers."""
        self.context.claim(f"lane {self._parts.session_id}")
        lane = self._lane = self._parts.make()
        self.context.kill_with(partial(lane.stop, 1.0))
        lane.start(LaneListener(died=self._died, gap=self._gap, changed=self._report))
        self._follow_session(lane)
        self.context.every(self._parts.sweep_every, _Sweep())
        self.context.healthy()

    def handle(self, message: object) -> object:
        lane = self._lane
        if lane is None:
            raise RuntimeError("handled a message before the start")
        match message:
            case Enqueue(message=row):
                lane.enqueue(row)
            case Withdraw(message_id=message_id):
                lane.withdraw(message_id)
            case OpenLane():
                lane.set_open(True)
            case CloseLane():
                lane.set_open(False)
            case _Gap():
                self._rebuild(lane)
            case _Sweep():
                self._sweep(lane)
            case _Died(incarnation=incarnation, error=error):
                if incarnation == self.context.incarnation:
                    raise ProcessError(f"the lane's thread died: {type(error).__name__}") from error
            case _:
                return super().handle(message)
        return None

    def stopping(self, exit: Exit) -> None:  # noqa: A002, ARG002
        """Let what is in flight finish, within the deadline."""
        if self._lane is not None:
            self._lane.stop(self._parts.stop_deadline)

    def _follow_session(self, lane: Lane) -> None:
        view = self._parts.board.get(self._parts.session_id)
        lane.set_open(view is not None and view.status is SessionStatus.READY)

    def _sweep(self, lane: Lane) -> None:
        self._follow_session(lane)
        self._rebuild(lane)
        if self._waiting:
            self._parts.wanted()  # again: it may have been refused

    def _rebuild(self, lane: Lane) -> None:
        try:
            lane.rebuild(self._parts.undone())
        except JournalError as error:
            log.warning("lane.journal_away", session=self._parts.session_id, error=type(error).__name__)

    def _died(self, error: BaseException) -> None:
        self.context.handle.tell(_Died(self.context.incarnation, error))

    def _gap(self) -> None:
        self.context.handle.tell(_Gap())

    def _report(self, view: LaneView) -> None:
        self._waiting = view.queued > 0 and not view.open
        if self._waiting:
            self._parts.wanted()
        self.context.report(
            open=view.open,
            waiting=view.waiting,
            until=None if view.until is None else view.until.isoformat(timespec="seconds"),
            queued=view.queued,
            scheduled=view.scheduled,
            sending=view.sending,
        )
