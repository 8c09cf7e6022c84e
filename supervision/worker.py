"""The cell of a worker: user code, its timers, and its late answers."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from supervision.actor import Actor
from supervision.cell import Cell
from supervision.context import JSON, Context, Reply, Timer
from supervision.errors import ActorDown, DomainError, RemoteError, text_of
from supervision.exits import Exit, ExitKind
from supervision.mailbox import Control, Letter, Tick
from supervision.signals import Healthy, Kill, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervision.board import Board
    from supervision.handle import Handle
    from supervision.home import Home
    from supervision.specs import ChildSpec

_log = logging.getLogger("supervision")

IGNORED = "ignore"


class WorkerCell(Cell):
    """Hosts one Actor."""

    def __init__(
        self, home: Home, spec: ChildSpec, handle: Handle, notify: Callable[[object], object], board: Board
    ) -> None:
        self._timers: set[Timer] = set()
        self._futures: dict[Reply, Any] = {}
        super().__init__(home, spec, handle, notify)
        self.board = board
        self.context = Context(self)
        self._actor: Actor | None = None
        self._deferred = False
        self._stop_reason: str | None = None
        self._kill_with: Callable[[], None] | None = None

    # -- the thread's side ------------------------------------------------------------------------------

    def begin(self) -> None:
        self._busy = ("starting", self.now())
        try:
            actor = self.spec.start(self.context)  # type: ignore[operator]
            if actor is None:
                self.finish(Exit(ExitKind.NORMAL, reason=IGNORED))
                return
            self._actor = _checked(actor)
            self._actor.started()
        except BaseException as error:  # noqa: BLE001
            self._crashed(error, ExitKind.START_FAILED)
        else:
            if self.exit is None:
                self._busy = None
                self.become_ready()
                self._stop_if_asked()
        if self.exit is not None:
            self.clean_up()  # given up while it was starting: it surfaces here

    def receive(self, letter: Any) -> None:
        if isinstance(letter, Control):
            self._obey(letter.signal)
        elif self.exit is None and (letter.timer is None or not letter.timer.cancelled):
            self._handle(letter)
        if self.exit is not None:
            self.clean_up()  # given up while it was busy: it surfaces here

    def _obey(self, signal: object) -> None:
        match signal:
            case Kill(reason=reason):
                self.finish(Exit(ExitKind.KILLED, None, reason, self.ran_for()))
            case Stop(reason=reason):
                self.finish(Exit(ExitKind.SHUTDOWN, None, reason, self.ran_for()))
            case _:
                self._stop_if_asked()

    def _handle(self, letter: Letter) -> None:
        self._busy = (type(letter.body).__name__, self.now())
        self._letter = letter
        self._deferred = False
        reply = letter.reply
        try:
            answer = self._actor.handle(letter.body)  # type: ignore[union-attr]
        except DomainError as error:
            if reply is None:
                _log.warning("actor.refused path=%s error=%s", self.path, type(error).__name__)
            else:
                reply.settle_error(error)
        except BaseException as error:  # noqa: BLE001
            self._crashed(error, ExitKind.CRASH)
            return
        else:
            if reply is not None and not self._deferred:
                reply.settle(answer)
        self._letter = None
        self._busy = None
        self.last_handled_at = self.now()
        if self._stop_reason is not None:
            self._stop_if_asked()

    def _crashed(self, error: BaseException, kind: ExitKind) -> None:
        letter, self._letter = self._letter, None
        if letter is not None and letter.reply is not None:
            remote = RemoteError(f"{self.path} crashed: {type(error).__name__}")
            remote.__cause__ = error
            letter.reply.settle_error(remote)
        self.finish(Exit(kind, error, text_of(error), self.ran_for()))

    def _stop_if_asked(self) -> None:
        if self._stop_reason is not None:
            kind = ExitKind.SHUTDOWN if self._stop_reason.startswith("shutdown") else ExitKind.NORMAL
            self.finish(Exit(kind, None, self._stop_reason, self.ran_for()))

    def _cleans_up(self) -> bool:
        return self._actor is not None and type(self._actor).stopping is not Actor.stopping

    def _clean_up(self, exit_: Exit) -> None:
        if self._actor is not None:
            self._actor.stopping(exit_)

    def _let_go(self) -> None:
        self._actor = None
        self._kill_with = None

    def _release(self) -> None:
        for timer in list(self._timers):
            timer.cancel()
        for reply in list(self._futures):
            reply.fail(ActorDown(f"{self.path} ended before it answered"))

    # -- the context's side -----------------------------------------------------------------------------

    def lookup(self, path: str) -> Handle:
        return self.home.handle(path)

    def stop_self(self, reason: str) -> None:
        self._stop_reason = str(reason) if reason else "normal"
        if threading.current_thread() is not self.thread:
            self.mailbox.put_control(_SelfStop())

    def defer_reply(self) -> Reply:
        self._deferred = True
        future = self._letter.reply if self._letter is not None else None
        reply = Reply(self, future)
        if future is not None:
            self._futures[reply] = future
        return reply

    def settled(self, reply: Reply) -> None:
        self._futures.pop(reply, None)

    def after(self, seconds: float, message: object) -> Timer:
        timer = Timer()

        def fire() -> None:
            self._timers.discard(timer)
            self.mailbox.put(Tick(message, timer))

        return self._arm(timer, seconds, fire)

    def every(self, seconds: float, message: object, first: float | None) -> Timer:
        if seconds <= 0:
            raise ValueError(f"every({seconds}): must be > 0 seconds")
        timer = Timer()
        beat = [self.now() + (seconds if first is None else first)]
        last: list[Tick] = []

        def fire() -> None:
            if not (last and self.mailbox.holds(last[0])):
                last[:] = [Tick(message, timer)]
                self.mailbox.put(last[0])
            missed = max(0, int((self.now() - beat[0]) // seconds))
            beat[0] += seconds * (1 + missed)
            self._arm(timer, beat[0] - self.now(), fire)

        return self._arm(timer, beat[0] - self.now(), fire)

    def _arm(self, timer: Timer, seconds: float, fire: Callable[[], None]) -> Timer:
        self._timers.add(timer)
        pending = self.home.runtime.scheduler.after(seconds, fire)

        def cancel() -> None:
            pending.cancel()
            self._timers.discard(timer)

        timer.armed(cancel)
        if self.exit is not None or timer.cancelled:
            timer.cancel()
        return timer

    def report(self, fields: Mapping[str, JSON]) -> None:
        if self.current:
            self.board.report(fields)
            self.home.transitions.touch()

    def heartbeat(self, *, ok: bool, rtt: float | None) -> None:
        if self.current:
            self.board.beat(self.clock.now(), self.now(), ok=ok, rtt=rtt)

    def processes(self, pids: tuple[int, ...]) -> None:
        if self.current:
            self.board.pids = tuple(int(pid) for pid in pids)
            self.home.transitions.touch()

    def healthy(self) -> None:
        if self.current:
            self.notify(Healthy(self))

    def claim(self, resource: str) -> None:
        self.home.claim(resource, self)

    def kill_with(self, kill: Callable[[], None]) -> None:
        self._kill_with = kill
        if self._kill_reason is not None:
            self._free_now()  # killed already: whatever it is about to wait for goes too

    def kill(self, reason: str) -> None:
        super().kill(reason)
        self._free_now()

    def _free_now(self) -> None:
        free, self._kill_with = self._kill_with, None
        if free is not None:
            self.home.runtime.aside(f"kill {self.path}#{self.incarnation}", lambda: self._free(free))

    def _free(self, free: Callable[[], None]) -> None:
        try:
            free()
        except BaseException:  # noqa: BLE001
            _log.exception("actor.kill_with_failed", extra={"path": self.path})
        else:
            self.home.release(self)


def _checked(made: object) -> Actor:
    if not isinstance(made, Actor):
        raise TypeError(f"start made a {type(made).__name__}, not an Actor")
    return made


class _SelfStop:
    """`Context.stop` from another thread."""
