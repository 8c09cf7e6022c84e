"""The three keep-alive actors of a session: heartbeat, watchdog, activity. Nets below the page's own events.

Each calls the page on its own thread, with a deadline, so that none of them can hold up the session. They
read what the session has published and never ask it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from actors.errors import DeadlinePassed, Fault, WahookError
from actors.messages import AccountChanges, ConnectionSuspect, UpdateAccount, Write
from actors.model import PageState, SessionStatus
from actors.ports import Board, Calendar, WhatsAppClient
from actors.vitals import Verdict, judge
from supervision import Actor, Context

log = structlog.get_logger(__name__)
T = TypeVar("T")

MARGIN = 2.0  # seconds beyond a call's own deadline, which settles it
SECOND_LOOK = 1.0  # seconds within which a page's own word of a change has long arrived


@dataclass(frozen=True, slots=True)
class KeepaliveParts:
    """What the three share. Intervals and deadlines in seconds."""

    session_id: str
    client: WhatsAppClient
    board: Board
    calendar: Calendar
    session_path: str
    writer_path: str
    call_deadline: float
    heartbeat_interval: float
    watchdog_interval: float
    activity_interval: float


class Beat:
    """The tick of a keep-alive actor."""

    def __repr__(self) -> str:
        return "Beat"


@dataclass(frozen=True, slots=True)
class _LookAgain:
    """Whether the page is still not connected while its session believes it is."""


class Keeper(Actor):
    """An actor that does one thing at an interval while its session is ready."""

    def __init__(self, context: Context, parts: KeepaliveParts, interval: float) -> None:
        super().__init__(context)
        self._parts = parts
        self._interval = interval
        self._session = context.lookup(parts.session_path)
        self._let_go = False
        self._asked: Future[Any] | None = None  # what is being waited for

    def started(self) -> None:
        """Begin the beat. Whoever stops a keeper that waits for the page need not wait with it."""
        self.context.kill_with(self._give_up)
        self.context.every(self._interval, Beat())

    def handle(self, message: object) -> object:
        """Beat."""
        if isinstance(message, Beat):
            if self._ready:
                self.beat()
            else:
                self.rest()
        return None

    def beat(self) -> None:
        """What this one does."""
        raise NotImplementedError

    def rest(self) -> None:
        """What it does while the session is not ready: that state has deadlines of its own."""
        self.context.report(last="session not ready")

    @property
    def _ready(self) -> bool:
        view = self._parts.board.get(self._parts.session_id)
        return view is not None and view.status is SessionStatus.READY

    def _timed(self, call: Callable[[float], Future[T]]) -> tuple[T, float]:
        """The answer of a page call, and how long it took in seconds."""
        began = self.context.clock.monotonic()
        asked = self._asked = call(self._parts.call_deadline)
        if self._let_go:
            asked.cancel()
        answer = asked.result(self._parts.call_deadline + MARGIN)
        return answer, self.context.clock.monotonic() - began

    def _give_up(self) -> None:
        """From another thread, when it is killed."""
        self._let_go = True
        if (asked := self._asked) is not None:
            asked.cancel()

    def _result(self, ok: bool, text: str, rtt: float | None = None) -> None:
        beat = f"{self.context.name}.beat"
        log.debug(beat, session=self._parts.session_id, ok=ok, said=text)
        self.context.heartbeat(ok, rtt)
        self.context.report(last=text, at=self._parts.calendar().isoformat(timespec="seconds"))


class Heartbeat(Keeper):
    """Every two minutes: the page's real state, a presence, last_seen and last_check."""

    def __init__(self, context: Context, parts: KeepaliveParts) -> None:
        super().__init__(context, parts, parts.heartbeat_interval)
        self._writer = context.lookup(parts.writer_path)

    def beat(self) -> None:
        """Not connected: the session is told, and reconnects. No answer: it gets another browser."""
        try:
            state, rtt = self._timed(self._parts.client.state)
        except (WahookError, TimeoutError) as error:
            self._failed(type(error).__name__, answers=not isinstance(error, DeadlinePassed | TimeoutError))
            return
        now = self._parts.calendar()
        if state.connected:
            self._write(AccountChanges(last_seen=now, last_check=now))
            self._show_presence(rtt)
        else:
            self._write(AccountChanges(last_check=now))
            self._failed(_words(state))

    def _show_presence(self, rtt: float) -> None:
        """A connected page that cannot do this is no reason for another, which could do it no better."""
        try:
            self._timed(self._parts.client.send_presence)
        except (WahookError, TimeoutError) as error:
            log.warning("heartbeat.no_presence", session=self._parts.session_id, reason=type(error).__name__)
            self._result(False, f"connected, no presence: {type(error).__name__}", rtt)
        else:
            self._result(True, "connected", rtt)

    def _failed(self, why: str, *, answers: bool = True) -> None:
        log.warning("heartbeat.failed", session=self._parts.session_id, reason=why)
        self._result(False, why)
        if self._ready:
            self._session.tell(ConnectionSuspect("heartbeat" if answers else "page_hangs", answers))

    def _write(self, changes: AccountChanges) -> None:
        """Nobody waits for it: the next beat writes again."""
        self._writer.tell(Write(UpdateAccount(self._parts.session_id, changes)))


class Watchdog(Keeper):
    """Every minute: kills what hangs. Reads the session's stamp, and puts one cheap question to the page."""

    def __init__(self, context: Context, parts: KeepaliveParts) -> None:
        super().__init__(context, parts, parts.watchdog_interval)

    def handle(self, message: object) -> object:
        """Beat, or look again."""
        if isinstance(message, _LookAgain) and self._ready:
            self._look(not_connected=partial(self._bite, "not connected"))
        return super().handle(message)

    def beat(self) -> None:
        """Kill the actor that is stuck, or the browser that hangs or only seems connected.

        A page that has just lost its connection is about to say so itself, and why: a conflict must not be
        answered with a new browser, which would take the connection back. So it gets a second look.
        """
        self._look(not_connected=lambda: self.context.after(SECOND_LOOK, _LookAgain()))

    def _look(self, *, not_connected: Callable[[], object]) -> None:
        busy = self._session.stamp().busy_for
        state = None if judge(busy, None, self._limit) is Verdict.ACTOR_STUCK else self._ask_page()
        match judge(busy, state, self._limit):
            case Verdict.ACTOR_STUCK:
                self._unstick()
            case Verdict.PAGE_HANGS:
                self._bite("page hangs")
            case Verdict.NOT_CONNECTED:
                not_connected()
            case Verdict.WELL:
                self._result(True, "well")

    def rest(self) -> None:
        """An actor can be stuck in any state, and none of its own deadlines passes then."""
        if judge(self._session.stamp().busy_for, None, self._limit) is Verdict.ACTOR_STUCK:
            self._unstick()
        else:
            super().rest()

    @property
    def _limit(self) -> float:
        return 3 * self._parts.call_deadline

    def _ask_page(self) -> PageState | None:
        try:
            return self._timed(self._parts.client.state)[0]
        except (Fault, TimeoutError):
            return None

    def _unstick(self) -> None:
        """Supervision kills the browser with the actor, which may only notice by that."""
        self._kill("actor stuck", lambda: self._session.kill("watchdog: stuck"))

    def _bite(self, why: str) -> None:
        if self._ready:  # else it was noticed meanwhile
            self._kill(why, self._parts.client.kill)

    def _kill(self, why: str, kill: Callable[[], object]) -> None:
        log.warning("watchdog.kill", session=self._parts.session_id, reason=why)
        self._result(False, why)
        kill()


class Activity(Keeper):
    """Every thirty seconds: what a person at the page would do, so that it is not put to sleep."""

    def __init__(self, context: Context, parts: KeepaliveParts) -> None:
        super().__init__(context, parts, parts.activity_interval)

    def beat(self) -> None:
        """A failure is shown and left to the watchdog."""
        try:
            _, rtt = self._timed(self._parts.client.simulate_activity)
        except (WahookError, TimeoutError) as error:
            self._result(False, type(error).__name__)
        else:
            self._result(True, "moved", rtt)


def _words(state: PageState) -> str:
    return f"stream {state.stream_mode}, socket {state.socket_state}"
