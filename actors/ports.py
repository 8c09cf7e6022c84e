"""The outside, as the actors know it. `wahook/service.py` hands each actor the real thing.

Every `Future` here is a `concurrent.futures.Future` that settles by itself within the call's own deadline
(with `errors.DeadlinePassed` if need be), so nobody waits for ever. Any thread may call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from actors.events import Event
from actors.messages import JournalOperation, PageEvent
from actors.model import (
    JSON,
    Ack,
    NumberStatus,
    OutgoingMessage,
    PageState,
    SendReceipt,
    SessionView,
)
from actors.page import Arrival, PageCall


class WhatsAppClient(Protocol):
    """One session's browser and page. The object outlives incarnations; at most one browser lives in it."""

    def open(self, incarnation: int, emit: Callable[[PageEvent], None]) -> Future[None]:
        """Launch, attach, preload, navigate. Settles when the page is on its way; it speaks by `emit`.

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

    def send(self, message: OutgoingMessage, deadline: float) -> Future[SendReceipt]:
        """Send with the message's own id, whatever its type; twice is as once.

        Fails with SendRefused (for good) or SendFailed (try again).
        """
        ...

    def find_sent(self, message: OutgoingMessage, deadline: float) -> Future[Ack | None]:
        """The level of an own message in the page's store or the chat's history, None if it is not known."""
        ...

    def recent_incoming(self, since: int, deadline: float) -> Future[tuple[Arrival, ...]]:
        """What the page's chats hold that arrived at or after `since` (Unix seconds), oldest first.

        After that, which messages (older ones, too) were changed or deleted as far as its store shows it.
        """
        ...

    def number_status(self, number: str, deadline: float) -> Future[NumberStatus]: ...

    def ask(self, call: PageCall, arguments: Mapping[str, JSON], deadline: float) -> Future[JSON]:
        """Ask the page, or have it do what leaves no message. SendRefused when it never will."""
        ...

    def pairing_code(self, phone_number: str, deadline: float) -> Future[str]: ...

    def send_presence(self, deadline: float) -> Future[None]: ...

    def simulate_activity(self, deadline: float) -> Future[None]:
        """A mouse move, a Shift key, a wake lock: what keeps a page from being put to sleep."""
        ...

    def settle(self, deadline: float) -> Future[None]:
        """Settles once all that the page has stored so far is on disk, where no crash reaches it.

        Fails with DeadlinePassed when it was not seen there in time, or as any other call.
        """
        ...

    def screenshot(self, deadline: float) -> Future[bytes]:
        """PNG of the viewport."""
        ...

    def logout(self, deadline: float) -> Future[None]: ...


class Journal(Protocol):
    """Durable state. Only the journal writer calls, in its thread; blocks until the database's deadline."""

    def write(self, operations: Sequence[JournalOperation]) -> list[object]:
        """Apply all in one transaction and commit to disk; results in the same order.

        An operation that breaks a rule has a `DomainError` as its result and harms no other. Raises
        `errors.JournalError` if nothing was written.
        """
        ...


@dataclass(frozen=True, slots=True)
class LaneView:
    """What a lane is doing, for the operator's tree."""

    open: bool
    waiting: str | None  # a fixed phrase: why the next message does not go; None: none waits, or one goes
    until: datetime | None  # when that is over, if it is known
    queued: int
    scheduled: int
    sending: str | None  # the message id in flight


@dataclass(frozen=True, slots=True)
class LaneListener:
    """Whom a lane tells. Called on the lane's own thread; none may block."""

    died: Callable[[BaseException], None]  # the thread has ended by itself: its last act
    gap: Callable[[], None]  # something may be missing in Redis: ask the journal and call `rebuild`
    changed: Callable[[LaneView], None]


WINDOW = 1000  # messages of each priority that a lane has in Redis, and as many scheduled ones


class Lane(Protocol):
    """One session's queues and the thread that works them. Methods may be called from any thread."""

    def start(self, listener: LaneListener) -> None:
        """Start the thread, closed. Does not wait for Redis; `gap` is called when it answers."""
        ...

    def enqueue(self, message: OutgoingMessage) -> None:
        """Put the pointer to a row into the queue of its priority, or the schedule. Idempotent by message id.

        What is beyond the first ones of its priority is left to the journal, until a `gap` asks for it.
        Never raises for Redis: what it could not put is put by the `rebuild` that follows its return.
        """
        ...

    def withdraw(self, message_id: str) -> None:
        """Take out what has not begun. For show only: what the journal has cancelled is never sent."""
        ...

    def rebuild(self, rows: Sequence[OutgoingMessage]) -> int:
        """Put back what is missing of the journal's undone rows, in their order; how many. Idempotent.

        `rows` are in the order of acceptance, read after the last `enqueue` had returned: all, or at least
        what has begun, and of each priority the first WINDOW + 1 without and with a date.
        """
        ...

    def set_open(self, is_open: bool) -> None: ...

    def stop(self, deadline: float) -> None:
        """Begin nothing more, wait for what is in flight, end the thread. DeadlinePassed if it did not end.

        What was still in flight near the deadline is abandoned: its row stays `sending`, so it is looked for
        before it is sent again. Idempotent.
        """
        ...


class ManagedProcess(Protocol):
    """A helper process that one actor owns (Redis, ChromeDriver)."""

    def start(self, on_exit: Callable[[int], None]) -> Future[int]:
        """Start and wait until it answers; settles with the pid. `on_exit` gets the code, on any thread."""
        ...

    def answers(self, deadline: float) -> Future[bool]:
        """Whether it answers a cheap question in time; one that does not run does not. Never fails."""
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


class Profiles(Protocol):
    """Where the browsers keep their logins."""

    def discard(self, session_id: str) -> None:
        """Remove a profile whose login is void, or that must be forgotten. Blocking; the browser is down."""
        ...


@dataclass(frozen=True, slots=True)
class ProfileSaved:
    """How saving one profile went. `changed` False and no error: there was nothing new. `size` in bytes."""

    session_id: str
    changed: bool
    size: int = 0
    error: str | None = None


class ProfileArchive(Protocol):
    """The sealed copies of profiles elsewhere, and when each is due. For one actor's thread; calls block.

    Times are seconds of one monotonic clock. Only `forget` and `restore` raise or fail, with a `Fault`.
    """

    def ready(self, session_id: str, now: float) -> None:
        """The session is logged in: its profile is worth saving from now on. Idempotent."""
        ...

    def due(self, now: float) -> Sequence[str]:
        """The sessions whose turn has come, those that waited longest first."""
        ...

    def unsaved(self) -> Sequence[str]:
        """The sessions that may hold something that is not in the store."""
        ...

    def save(self, session_id: str, now: float) -> ProfileSaved: ...

    def closed(self, session_id: str, now: float) -> ProfileSaved:
        """The browser has closed: save a last time."""
        ...

    def forget(self, session_id: str) -> None:
        """Delete the copies: the login in them is void."""
        ...

    def restore(self, session_id: str) -> Future[bool]:
        """Bring the profile back if this node has none; did it. Any thread; settles in the store's time."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes. `rss` of this process; `tree` of it and all of its children, pages they share counted once."""

    rss: int
    tree: int


class MemoryMeter(Protocol):
    """How much memory the service takes. Blocking, some milliseconds for each process; never raises."""

    def read(self) -> Usage: ...


class Storehouse(Protocol):
    """What gathers on the disk beside the journal. Blocking; for one actor's thread."""

    def trim(self, session_id: str) -> int:
        """Remove the caches of a profile that nobody uses; the bytes freed, 0 when somebody does."""
        ...

    def clear(self, before: datetime) -> int:
        """Remove the profiles that were set aside before then; how many."""
        ...


class Calendar(Protocol):
    """Wall-clock time, for what people read and what is stored; never for measuring a wait."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class EdgeAddress:
    """Where the edge listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WebhooksView:
    """What the sender of webhooks is doing, for the operator's tree. Counts since its start."""

    receivers: int = 0
    open_circuits: int = 0  # receivers that do not answer and are left alone for a while
    in_flight: int = 0
    waiting: int = 0  # in memory; the journal may have more
    delivered: int = 0
    failed_attempts: int = 0
    dead: int = 0
    last_error: str | None = None


class WebhookSender(Protocol):
    """Delivers what the journal has for webhooks, in a thread of its own."""

    def start(self, on_death: Callable[[BaseException], None]) -> None:
        """Begin with what is pending on disk. `on_death`: its loop ended by itself; any thread."""
        ...

    def stop(self, deadline: float) -> None:
        """Begin nothing more, wait for what is in flight, end the thread within `deadline` s. Idempotent.

        What was still in flight then goes again after the next start, with the same id.
        """
        ...

    def view(self) -> WebhooksView: ...


class EdgePort(Protocol):
    """The edge's server: REST, Socket.IO and the operator's pages, in a thread of its own."""

    def start(self, on_death: Callable[[BaseException], None]) -> EdgeAddress:
        """Listen; returns once it answers, or ProcessError. `on_death`: its loop ended by itself."""
        ...

    def stop(self, deadline: float) -> None:
        """Stop listening and end the thread; free the port at the latest after `deadline` s. Idempotent."""
        ...

    def kill(self) -> None:
        """Free the port now."""
        ...

    def silence(self) -> float:
        """Seconds since its loop last turned; 0 while it is down."""
        ...
