"""A stable name for an actor that comes and goes."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervision.errors import ActorDown, AskRefused, AskTimeout, MailboxFull
from supervision.futures import AwaitableFuture
from supervision.mailbox import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.cell import Cell
    from supervision.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an actor is doing, read without asking it. Seconds; `message_type` is None while it is idle."""

    message_type: str | None = None
    busy_for: float = 0.0
    last_handled_at: float | None = None


class ActorThread(threading.Thread):
    """The thread of one incarnation; knows its system so that a blocking ask can be refused on it."""

    def __init__(self, name: str, system: object, run: Callable[[], None]) -> None:
        super().__init__(target=run, name=name, daemon=True)
        self.system = system


class Handle:
    """The address of `path`, whichever incarnation lives there. Thread-safe; keep it as long as you like.

    Messages go to the incarnation of the moment; what was queued when it ends is dropped, and counted.
    """

    __slots__ = ("__weakref__", "_cell", "_incarnation", "_scheduler", "_system", "path")

    def __init__(self, path: str, system: object, scheduler: Scheduler) -> None:
        self.path = path
        self._system = system
        self._scheduler = scheduler
        self._cell: Cell | None = None
        self._incarnation = 0

    def __repr__(self) -> str:
        return f"<Handle {self.path or 'root'} #{self._incarnation}{'' if self.alive else ' down'}>"

    @property
    def incarnation(self) -> int:
        """How many times an actor was started here; 0 before the first."""
        return self._incarnation

    @property
    def alive(self) -> bool:
        """Whether there is a ready incarnation that has not begun to end."""
        cell = self._cell
        return cell is not None and cell.ready and not cell.mailbox.closed

    @property
    def cell(self) -> Cell | None:
        """For the library: the incarnation of the moment."""
        return self._cell

    def tell(self, message: object) -> bool:
        """Queue a message. False when nobody is there or the mailbox is full: it is dropped. Never blocks."""
        cell = self._cell
        return cell is not None and cell.mailbox.put(Letter(message))

    def ask(self, message: object, timeout: float) -> object:
        """Send and wait at most `timeout` seconds for the answer. For threads outside the tree.

        Raises AskTimeout, ActorDown, MailboxFull, RemoteError (the handler crashed), any DomainError the
        handler raised, and AskRefused on a thread of an actor of the same system.
        """
        thread = threading.current_thread()
        if isinstance(thread, ActorThread) and thread.system is self._system:
            raise AskRefused(f"{thread.name} may not ask {self.path}: tell, with a correlation id")
        if timeout is None or not timeout < math.inf:
            raise ValueError(f"timeout={timeout}: an ask needs a deadline")
        reply: AwaitableFuture[object] = AwaitableFuture()
        self._send(message, reply)
        try:
            return reply.result(timeout)
        except TimeoutError as error:
            if not reply.cancel():  # it came in this moment, or it is the actor's own TimeoutError
                return reply.result(0)
            raise AskTimeout(f"{self.path} did not answer within {timeout} s") from error

    def ask_async(self, message: object, timeout: float) -> AwaitableFuture[object]:
        """As `ask`, as a future that is always settled: by the answer, the actor's end, or the deadline."""
        reply: AwaitableFuture[object] = AwaitableFuture()
        late = AskTimeout(f"{self.path} did not answer within {timeout} s")
        timer = self._scheduler.after(timeout, lambda: reply.settle_error(late))
        reply.add_done_callback(lambda _: timer.cancel())
        self._send(message, reply)
        if timer.cancelled and not reply.done():
            reply.settle_error(ActorDown(f"{self.path}: the system has ended"))
        return reply

    def _send(self, message: object, reply: AwaitableFuture[object]) -> None:
        cell = self._cell
        if cell is None:
            reply.settle_error(ActorDown(f"{self.path} is down"))
        elif not cell.mailbox.put(Letter(message, reply)):
            down = cell.mailbox.closed
            reply.settle_error(ActorDown(f"{self.path} is down") if down else MailboxFull(self.path))

    def stamp(self) -> Stamp:
        """What the incarnation of the moment is doing. Reads published state; never asks, never blocks."""
        cell = self._cell
        return Stamp() if cell is None else cell.stamp()

    def kill(self, reason: str) -> bool:
        """Have the supervisor kill the incarnation of the moment (its exit is KILLED and counts as a crash).

        Returns at once; False when nobody is there. For watchdogs: what the actor waits for is killed, and
        after `kill_grace` its thread is given up as wedged and replaced.
        """
        cell = self._cell
        return cell is not None and cell.request_kill(reason)

    def _take(self, cell: Cell) -> int:
        """For the library: a new incarnation lives here now; returns its number."""
        self._incarnation += 1
        self._cell = cell
        return self._incarnation

    def _drop(self, cell: Cell) -> None:
        """For the library: this incarnation has begun to end."""
        if self._cell is cell:
            self._cell = None
