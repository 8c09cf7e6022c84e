"""One incarnation: the pykka actor that hosts user code, and its one death notice.

pykka's own endings (raise on tell, raise on ask, BaseException, a raising hook) differ in what they report.
Here every path goes through `_finish`, and the notice is sent when the thread is through, whatever happened.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pykka

from supervision.errors import ActorDown, NotFound, RemoteError, text_of
from supervision.exits import Exit, ExitKind
from supervision.futures import AwaitableFuture
from supervision.handle import ActorThread, Handle, Stamp
from supervision.mailbox import Letter, Mailbox
from supervision.signals import Died, Ending, Kill, KillAsked, Ready, Stop, Verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.home import Home
    from supervision.specs import ChildSpec

_log = logging.getLogger("supervision")


class Inbox:
    """What pykka sees of a mailbox; translates what is sent through a bare pykka reference."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.get = cell.mailbox.get

    def put(self, envelope: Any) -> None:
        reply: AwaitableFuture[object] | None = None
        if envelope.reply_to is not None:
            reply = AwaitableFuture()
            reply.add_done_callback(lambda done: _forward(done, envelope.reply_to))
        self._cell.deliver_foreign(envelope.message, reply)

    def empty(self) -> bool:
        return not self._cell.mailbox.pending


class Host(pykka.ThreadingActor):
    """The pykka actor of a cell."""

    use_daemon_thread = True

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        super().__init__()

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]
        return Inbox(self.cell)

    def _start_actor_loop(self) -> None:
        self.cell.spawn(self._actor_loop)

    def on_start(self) -> None:
        self.cell.begin()

    def _handle_receive(self, message: Any) -> None:
        self.cell.receive(message)

    def on_stop(self) -> None:
        self.cell.clean_up()

    def end(self) -> None:
        """Leave pykka's registry, run the cleanup, and make its loop end."""
        self._stop()


class Cell:
    """Common to workers and supervisors: mailbox, pykka host, stamps, and the end."""

    def __init__(
        self, home: Home, spec: ChildSpec, handle: Handle, notify: Callable[[object], object]
    ) -> None:
        self.home = home
        self.spec = spec
        self.handle = handle
        self.path = handle.path
        self.name = spec.id
        self.clock = home.runtime.clock
        self.now = self.clock.monotonic
        self.notify = notify
        self.mailbox = Mailbox(spec.mailbox, home.runtime.waker(), self.now)
        self.ready = False
        self.current = True
        self.over = False
        self.exit: Exit | None = None
        self.spawned_at = self.now()
        self.ready_at: float | None = None
        self.last_handled_at: float | None = None
        self.thread: ActorThread | None = None
        self.thread_text: str | None = None
        self._busy: tuple[str, float] | None = None
        self._letter: Letter | None = None
        self._kill_reason: str | None = None
        self._cleaned = False
        self._last_words: list[Callable[[], object]] = []
        self._host = Host(self)
        home.inhabited(handle)
        self.incarnation = handle._take(self)  # noqa: SLF001 - last: from here others see the cell

    def launch(self) -> None:
        """Start the thread. A machine out of threads is a failed start like any other."""
        ref = self._host.actor_ref
        try:
            pykka.ActorRegistry.register(ref)
            self._host._start_actor_loop()  # noqa: SLF001 - Actor.start() minus making the actor
        except RuntimeError as error:
            pykka.ActorRegistry.unregister(ref)
            self._close(Exit(ExitKind.START_FAILED, error, str(error)))
            self.notify(Died(self, self.exit or Exit(ExitKind.START_FAILED)))

    def spawn(self, loop: Callable[[], None]) -> None:
        """For the host: run pykka's loop on our kind of thread, and see its end whatever it is."""
        name = f"{self.path or 'root'}#{self.incarnation}"
        self.thread = self.home.runtime.spawn(name, self.home, lambda: self._run(loop))

    def _run(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:  # noqa: BLE001
            _log.exception("cell.loop_failed", extra={"path": self.path})
            self._close(Exit(ExitKind.CRASH, error, text_of(error), self.ran_for()))
        finally:
            self._close(Exit(ExitKind.CRASH, None, "thread ended", self.ran_for()))
            self._host.actor_stopped.set()
            pykka.ActorRegistry.unregister(self._host.actor_ref)
            self.current = False
            self.home.gone(self)
            self._busy = None
            self._let_go()
            assert self.exit is not None  # noqa: S101 - _close has just made sure
            self.notify(Died(self, self.exit))
            for say in self._last_words:
                say()

    def ran_for(self) -> float:
        """Seconds since readiness."""
        return 0.0 if self.ready_at is None else self.now() - self.ready_at

    def stamp(self) -> Stamp:
        """What the thread is doing. Any thread may read it."""
        busy = self._busy
        if busy is None:
            return Stamp(None, 0.0, self.last_handled_at)
        return Stamp(busy[0], max(0.0, self.now() - busy[1]), self.last_handled_at)

    def request_stop(self, reason: str) -> None:
        """Ask for an end in good order, before all queued work."""
        self.mailbox.put_control(Stop(reason))

    def request_kill(self, reason: str) -> bool:
        """Have the supervisor kill this incarnation."""
        if self.mailbox.closed or not self.current:
            return False
        self.notify(KillAsked(self, str(reason) if reason else "killed"))
        return True

    def kill(self, reason: str) -> None:
        """From the supervisor: whatever way it ends now, it was killed."""
        self._kill_reason = self._kill_reason or reason
        self.mailbox.put_control(Kill(reason))

    def abandon(self, reason: str) -> Exit:
        """Give the thread up: it can do no more harm to the tree, and a new incarnation may start."""
        self._kill_reason = reason
        self.current = False
        self.home.give_up(self)
        self._close(Exit(ExitKind.KILLED, None, reason, self.ran_for()))
        letter = self._letter
        if letter is not None and letter.reply is not None:
            letter.reply.settle_error(ActorDown(f"{self.path} was given up as wedged"))
        self._host.actor_stopped.set()
        pykka.ActorRegistry.unregister(self._host.actor_ref)
        assert self.exit is not None  # noqa: S101
        return self.exit

    def begin(self) -> None:
        """On the thread, before any message."""
        raise NotImplementedError

    def receive(self, letter: Any) -> None:
        """On the thread: one letter. Never raises."""
        raise NotImplementedError

    def _let_go(self) -> None:
        """Drop the user's objects, so that they are freed now and not by a later collection."""

    def _cleans_up(self) -> bool:
        """Whether the end may take time."""
        return False

    def _clean_up(self, exit_: Exit) -> None:
        raise NotImplementedError

    def deliver_foreign(self, message: object, reply: AwaitableFuture[object] | None) -> None:
        """A message through a bare pykka reference: a stop stays a stop, proxies are refused."""
        if isinstance(message, pykka.messages._ActorStop):  # noqa: SLF001 - what pykka's own stop() sends
            if reply is not None:
                self._last_words.append(lambda: reply.settle(None))
            self.request_stop("shutdown: pykka stop")
            return
        if isinstance(
            message, pykka.messages.ProxyCall | pykka.messages.ProxyGetAttr | pykka.messages.ProxySetAttr
        ):
            error: Exception = TypeError(f"{self.path} takes messages, not proxy calls")
        elif self.mailbox.put(Letter(message, reply)):
            return
        else:
            error = pykka.ActorDeadError(f"{self.path} is down")
        if reply is not None:
            reply.settle_error(error)

    def become_ready(self) -> None:
        """The start handshake."""
        self.ready_at = self.now()
        self.ready = True
        self.notify(Ready(self))

    def finish(self, exit_: Exit) -> None:
        """On the thread: end with this exit. Cleanup follows, then the death notice."""
        if not self._close(exit_):
            return
        if self._cleans_up():
            self.notify(Ending(self))
        self._host.end()

    def clean_up(self) -> None:
        """From the host, on the thread; runs the user's cleanup once and swallows what it raises."""
        if self._cleaned:
            return
        self._cleaned = True
        self._busy = ("stopping", self.now())
        try:
            self._clean_up(self.exit or Exit(ExitKind.SHUTDOWN, reason="shutdown"))
        except BaseException:  # noqa: BLE001
            _log.exception("actor.stopping_failed", extra={"path": self.path})

    def _close(self, exit_: Exit) -> bool:
        """Settle the exit (the first one counts) and fail whoever waits for an answer."""
        with self.home.lock:
            if self.exit is not None:
                return False
            self.exit = self._true_exit(exit_)
        self.handle._drop(self)  # noqa: SLF001
        self.ready = False
        work, signals = self.mailbox.close()
        for letter in work:
            if letter.reply is not None:
                letter.reply.settle_error(ActorDown(f"{self.path} ended before it handled the message"))
        for signal in signals:
            if isinstance(signal, Verb):
                signal.answer.settle_error(NotFound(self.path, "its supervisor ended"))
        self._release()
        return True

    def _release(self) -> None:
        """Let go of timers and the like; any thread."""

    def _true_exit(self, exit_: Exit) -> Exit:
        kind, reason = exit_.kind, exit_.reason
        if self._kill_reason is not None:
            kind, reason = ExitKind.KILLED, self._kill_reason
        if kind.abnormal and self.ready_at is None:
            kind = ExitKind.START_FAILED
        return Exit(kind, exit_.error, reason, exit_.ran_for)


def _forward(done: Any, target: Any) -> None:
    error = done.exception()
    if error is None:
        target.set(done.result())
    else:
        cause = error.__cause__ if isinstance(error, RemoteError) and error.__cause__ else error
        target.set_exception((type(cause), cause, cause.__traceback__))
