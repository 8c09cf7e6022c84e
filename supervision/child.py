"""A supervisor's record of one child, and the part of it that others may read."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from supervision.board import Board
from supervision.clock import later

if TYPE_CHECKING:
    from supervision.cell import Cell
    from supervision.exits import Exit, ExitKind
    from supervision.futures import AwaitableFuture
    from supervision.handle import Handle
    from supervision.home import Home
    from supervision.scheduler import Alarm
    from supervision.specs import ChildSpec


class State(enum.Enum):
    """What an operator sees, most urgent first."""

    WEDGED = "wedged"
    FAILED = "failed"
    BACKOFF = "backoff"
    HOLD = "hold"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    RUNNING = "running"


URGENCY = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class LastExit:
    """The end of the last incarnation.

    Without the exception itself: its traceback would keep the dead actor, and all it owned, in memory.
    """

    kind: ExitKind
    reason: str
    exception_type: str | None
    ran_for: float
    at: datetime
    in_start: bool
    traceback_id: str
    outcome: str = ""

    @classmethod
    def of(cls, exit_: Exit, at: datetime, *, in_start: bool, traceback_id: str = "") -> LastExit:
        """What is kept of an exit."""
        name = type(exit_.error).__name__ if exit_.error is not None else None
        return cls(exit_.kind, exit_.reason, name, exit_.ran_for, at, in_start, traceback_id)


@dataclass(frozen=True, slots=True)
class Facts:
    """A child at one moment; replaced whole at each transition, so any thread may read it.

    Monotonic seconds: `up_since`, `restarts_at`, `due`; `due` is 0 when nothing is pending.
    """

    state: State
    since: datetime
    reason: str
    incarnation: int
    cell: Cell | None
    wanted: bool
    wanted_by: str
    ready_at: datetime | None
    up_since: float
    failures: int
    restarts: int
    restarts_at: tuple[float, ...]
    last_exit: LastExit | None
    delay: float
    due: float
    due_at: datetime | None
    abandoned: int


class Child:
    """Only its supervisor's thread changes it; others read `spec`, `board`, `handle` and `facts`.

    `wanted`: whether it should run. `stopping`: whether it must go down before anything else happens to it.
    """

    def __init__(
        self, home: Home, spec: ChildSpec, handle: Handle, *, intensity: int = 0, window: float = 60.0
    ) -> None:
        self.home = home
        self.intensity = intensity
        self.window = window
        self.dropped = 0
        self.high_water = 0
        self.spec = spec
        self.handle = handle
        self.board = Board()
        self.cell: Cell | None = None
        self.up = False
        self.wanted = True
        self.wanted_by = ""
        self.stopping = False
        self.dropped_when_down = False
        self.deferred = False
        self.failed = ""
        self.restarting = False
        self.forced = False
        self.held = ""
        self.waits_for = ""
        self.failures = 0
        self.restarts = 0
        self.restarts_at: deque[float] = deque(maxlen=50)
        self.last_exit: LastExit | None = None
        self.delay = 0.0
        self.due = 0.0
        self.rung = 0
        self.overdue = False
        self.abandoned: set[Cell] = set()
        self.waiting_start: list[AwaitableFuture[Any]] = []
        self.waiting_down: list[AwaitableFuture[Any]] = []
        self.first_start = False
        self.said_healthy = False
        self.due_timer: Alarm | None = None
        self.start_timer: Alarm | None = None
        self.rung_timer: Alarm | None = None
        self.spell_timer: Alarm | None = None
        self.ready_at: datetime | None = None
        self.up_since = 0.0
        self.drawn: tuple[Facts, object, str] | None = None
        self.by = ""
        self.reason = ""
        self.facts = self._facts(State.STOPPED, home.runtime.clock.now())

    @property
    def live(self) -> bool:
        """Whether an incarnation exists, ready or not."""
        return self.cell is not None

    @property
    def traceback_id(self) -> str:
        """By which the log has the last exit."""
        return self.last_exit.traceback_id if self.last_exit else ""

    @property
    def waiting(self) -> bool:
        """Whether it is down and will be started without anybody's asking."""
        return self.wanted and not (self.live or self.failed or self.deferred)

    def state(self) -> State:
        """The state from the parts."""
        if self.live:
            if self.overdue:
                return State.WEDGED
            if self.stopping or self.rung:
                return State.STOPPING
            return State.RUNNING if self.up else State.STARTING
        if self.failed:
            return State.FAILED
        if self.wanted and self.due > self.home.runtime.clock.monotonic():
            return State.HOLD if self.held else State.BACKOFF
        return State.WEDGED if self.abandoned else State.STOPPED

    def publish(self, reason: str | None = None, by: str = "") -> None:
        """Let others see the record as it is now; a change of state or incarnation is a transition."""
        before = self.facts
        if reason is not None:
            self.reason = reason
        state = self.state()
        changed = state is not before.state or self.handle.incarnation != before.incarnation
        since = self.home.runtime.clock.now() if changed else before.since
        self.facts = self._facts(state, since)
        if changed:
            self.home.transitions.record(
                self.handle.path, self.handle.incarnation, before.state.value, state.value, self.reason, by
            )
        else:
            self.home.transitions.touch()

    def _facts(self, state: State, since: datetime) -> Facts:
        clock = self.home.runtime.clock
        pending = self.due if self.waiting and self.due > clock.monotonic() else 0.0
        return Facts(
            state=state,
            since=since,
            reason=self.reason,
            incarnation=self.handle.incarnation,
            cell=self.cell,
            wanted=self.wanted,
            wanted_by=self.wanted_by,
            ready_at=self.ready_at if self.up else None,
            up_since=self.up_since if self.up else 0.0,
            failures=self.failures,
            restarts=self.restarts,
            restarts_at=tuple(self.restarts_at),
            last_exit=self.last_exit,
            delay=self.delay,
            due=pending,
            due_at=later(clock.now(), pending - clock.monotonic()) if pending else None,
            abandoned=len(self.abandoned),
        )

    def came_up(self) -> None:
        """The start handshake is done."""
        self.up = True
        self.ready_at = self.home.runtime.clock.now()
        self.up_since = self.home.runtime.clock.monotonic()

    def cancel_timers(self) -> None:
        """Forget what was to happen to the last incarnation."""
        for timer in (self.due_timer, self.start_timer, self.rung_timer, self.spell_timer):
            if timer is not None:
                timer.cancel()
        self.due_timer = self.start_timer = self.rung_timer = self.spell_timer = None
