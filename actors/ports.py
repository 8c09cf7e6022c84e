"""The outside, as the actors know it. `wahook/service.py` hands each actor the real thing.

Every `Future` here is a `concurrent.futures.Future` that settles by itself within the call's own deadline
(with `errors.DeadlinePassed` if need be), so nobody waits for ever. All methods may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from actors.events import Event
from actors.messages import JournalOperation, PageEvent
from actors.model import (
    Ack,
    IncomingMessage,
    NumberStatus,
    OutgoingMessage,
    PageState,
    SendReceipt,
    SessionView,
)


class WhatsAppClient(Protocol):
    """One session's browser and page. The object outlives incarnations; at most one browser lives in it."""

    def open(self, incarnation: int, emit: Callable[[PageEvent], None]) -> Future[None]:
        """Launch, attach, preload, navigate. Settles when the page is on its way; what it says comes by `emit`.

        Kills whatever an earlier incarnation left before it launches. `emit` is called on the browser thread
        and must not block; it is never called again after `close` or `kill` was called. Fails with a subclass
        of `errors.SessionError`.
        """
        ...

    def close(self) -> Future[None]:
        """End the browser so that it flushes its profile; kill its group if it does not. Idempotent."""
        ...

    def kill(self) -> None:
        """Kill the browser's process group now. Pending calls fail at once; BrowserLost is emitted."""
        ...

    @property
    def pids(self) -> tuple[int, ...]:
        """The browser's main process, if there is one."""
        ...

    def state(self, deadline: float) -> Future[PageState]: ...

    def send_text(self, message: OutgoingMessage, deadline: float) -> Future[SendReceipt]:
        """Send with the id that the message carries. Fails with SendRefused (permanent) or SendFailed (may retry)."""
        ...

    def find_sent(self, message: OutgoingMessage, deadline: float) -> Future[Ack | None]:
        """The level of an own message in the page's store or the chat's history, None if it is not known."""
        ...

    def recent_incoming(self, since: int, deadline: float) -> Future[tuple[IncomingMessage, ...]]:
        """What the page's chats hold that arrived at or after `since` (Unix seconds), oldest first."""
        ...

    def number_status(self, number: str, deadline: float) -> Future[NumberStatus]: ...

    def pairing_code(self, phone_number: str, deadline: float) -> Future[str]: ...

    def send_presence(self, deadline: float) -> Future[None]: ...

    def simulate_activity(self, deadline: float) -> Future[None]:
        """A mouse move, a Shift key, a wake lock: what keeps a page from being put to sleep."""
        ...

    def screenshot(self, deadline: float) -> Future[bytes]:
        """PNG of the viewport."""
        ...

    def logout(self, deadline: float) -> Future[None]: ...


class Journal(Protocol):
    """Durable state. Called by the journal writer only, in its thread; blocking, with the database's deadline."""

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        """Apply all in one transaction and commit to disk; results in the same order.

        An operation that breaks a rule has a `DomainError` as its result and harms no other. Raises
        `errors.JournalError` if nothing was written.
        """
        ...


class Lane(Protocol):
    """One session's queues and the thread that works them."""

    def start(self, on_death: Callable[[BaseException], None]) -> None: ...

    def enqueue(self, message: OutgoingMessage) -> None:
        """Put the pointer to a row into the queue of its priority, or the schedule. Idempotent by message id."""
        ...

    def set_open(self, is_open: bool) -> None: ...

    def stop(self, deadline: float) -> None: ...


class ManagedProcess(Protocol):
    """A helper process that one actor owns (Redis, ChromeDriver)."""

    def start(self, on_exit: Callable[[int], None]) -> Future[int]:
        """Start and wait until it answers; settles with the pid. `on_exit` gets the return code, any thread."""
        ...

    def stop(self) -> Future[None]: ...

    def kill(self) -> None: ...


class Announce(Protocol):
    """Hands an event to everybody who listens; never blocks, never raises."""

    def __call__(self, event: Event) -> None: ...


class Board(Protocol):
    """Where sessions publish their live side."""

    def publish(self, view: SessionView) -> None: ...

    def get(self, session_id: str) -> SessionView | None: ...


class Calendar(Protocol):
    """Wall-clock time, for what people read and what is stored; never for measuring a wait."""

    def __call__(self) -> datetime: ...
