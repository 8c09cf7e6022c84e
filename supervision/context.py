"""What an incarnation may do to the world of its tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from supervision.clock import Clock
    from supervision.futures import AwaitableFuture
    from supervision.handle import Handle
    from supervision.worker import WorkerCell

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None


class Reply:
    """An answer that comes later, from any thread. The first `set` or `fail` counts; the rest do nothing."""

    __slots__ = ("_cell", "_future")

    def __init__(self, cell: WorkerCell, future: AwaitableFuture[object] | None) -> None:
        self._cell = cell
        self._future = future

    def set(self, value: object) -> None:
        """Answer the ask."""
        if self._future is not None:
            self._cell.settled(self)
            self._future.settle(value)

    def fail(self, error: BaseException) -> None:
        """Answer the ask with an error."""
        if self._future is not None:
            self._cell.settled(self)
            self._future.settle_error(error)


class Timer:
    """A message to oneself that is due. `cancel` is idempotent; nothing is delivered after it returns."""

    __slots__ = ("_cancel", "cancelled")

    def __init__(self) -> None:
        self.cancelled = False
        self._cancel: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Make sure that the message is not delivered (again)."""
        self.cancelled = True
        if self._cancel is not None:
            self._cancel()

    def armed(self, cancel: Callable[[], None]) -> None:
        """For the library: how to take the pending timer back."""
        self._cancel = cancel


class Context:
    """Given to the factory, one for each incarnation. Thread-safe unless a method says otherwise.

    Once the incarnation has ended, or was given up as wedged, its calls change nothing any more.
    """

    def __init__(self, cell: WorkerCell) -> None:
        self._cell = cell
        self.path: str = cell.path
        self.name: str = cell.name
        self.incarnation: int = cell.incarnation
        self.handle: Handle = cell.handle
        self.clock: Clock = cell.clock

    def lookup(self, path: str) -> Handle:
        """The handle of an absolute path; it exists before and without an incarnation."""
        return self._cell.lookup(path)

    def after(self, seconds: float, message: object) -> Timer:
        """Tell this incarnation `message` in `seconds`; cancelled by its end."""
        return self._cell.after(seconds, message)

    def every(self, seconds: float, message: object, *, first: float | None = None) -> Timer:
        """Tell this incarnation `message` every `seconds`, first after `first` (default: `seconds`).

        The beat is fixed, so it does not drift; a tick is skipped while the last one is still unhandled.
        """
        return self._cell.every(seconds, message, first)

    def defer_reply(self) -> Reply:
        """Inside `handle`, on its thread: answer this ask later; the return value is then ignored.

        Does nothing for a tell. Failed with ActorDown when the incarnation ends first.
        """
        return self._cell.defer_reply()

    def report(self, **fields: JSON) -> None:
        """Show a copy of these under "app" in the dump; kept across incarnations until overwritten."""
        self._cell.report(fields)

    def healthy(self) -> None:
        """Begin the healthy spell that clears the back-off, when BackOff(reset_from="healthy")."""
        self._cell.healthy()

    def heartbeat(self, ok: bool, rtt: float | None = None) -> None:
        """Show the outcome of a health check in the dump; `rtt` in seconds."""
        self._cell.heartbeat(ok=ok, rtt=rtt)

    def processes(self, *pids: int) -> None:
        """Show these processes in the dump and sample their memory; replaces the last call's."""
        self._cell.processes(pids)

    def kill_with(self, kill: Callable[[], None]) -> None:
        """Say how to free what this actor may be blocked on, such as killing a process group.

        The second rung of the kill ladder, after the stop request went unheeded for the shutdown deadline.
        Called on a thread of its own, at most once, and abandoned if it hangs; a later call replaces it.
        On an actor that is being killed already it is called at once.
        """
        self._cell.kill_with(kill)

    def claim(self, resource: str) -> None:
        """Take a resource by name for this incarnation, so that no two incarnations ever share it.

        Released when the incarnation has really ended, or when its `kill_with` callback has returned.
        Raises ResourceBusy while another incarnation (a wedged one, say) holds it, and when this one is over.
        """
        self._cell.claim(resource)

    def stop(self, reason: str = "normal") -> None:
        """End this actor normally after the current message. A reason "shutdown…" counts as SHUTDOWN."""
        self._cell.stop_self(reason)

    @property
    def current(self) -> bool:
        """Whether this is still the incarnation of its path (False once it has ended or was given up)."""
        return self._cell.current

    @property
    def pending(self) -> int:
        """Work waiting in the mailbox."""
        return self._cell.mailbox.depth
