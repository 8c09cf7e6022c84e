"""What the edge needs of the service. Coroutines run on the edge's loop and settle within their own deadline.

Errors they raise are those of `actors.errors`; `wahook.edge.problems` says which HTTP status each one is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from actors.durable import Delivery, Mail, MirrorChange, TaskState
from actors.messages import Accepted, AlreadyAccepted, Duplicate
from actors.model import (
    JSON,
    Account,
    Direction,
    NumberStatus,
    OutgoingMessage,
    Priority,
    SessionConfig,
    SessionId,
    SessionStatus,
    SessionView,
)
from actors.page import PageCall
from supervision import Snapshot, Transition
from wahook.journal.stored import MessagePage, Received

Verb: TypeAlias = Literal["restart", "stop", "start", "retry"]


@dataclass(frozen=True, slots=True)
class SessionResource:
    """A session as clients see it: its durable row, and its live side while it has one."""

    account: Account
    view: SessionView | None
    status: SessionStatus
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class MediaDraft:
    """A file to send: from a URL, in base64 (`data`), or uploaded before (`media_id`); one of them."""

    kind: str | None = None  # None: follows from its content type
    url: str | None = None
    data: str | None = field(default=None, repr=False)
    media_id: str | None = None
    mimetype: str | None = None
    filename: str | None = None


ASKED = "asked"  # in a message's content: what a repeated request is known by; clients do not see it


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as a client wrote it, after validation. `to` is digits only, or a chat's own address.

    `reply_to` and `target` are messages as clients name them: our id, WhatsApp's, or its full key. With a
    `target` and an empty `to` it goes to the target's chat. `asked` is set when it is completed.
    """

    to: str
    body: str
    type: str = "text"
    priority: Priority = Priority.DEFAULT
    send_at: datetime | None = None
    content: dict[str, JSON] = field(default_factory=dict)
    typing: float = 0.0
    reply_to: str | None = None
    target: str | None = None
    media: MediaDraft | None = None
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file on the volume, to be served."""

    path: Path
    mimetype: str
    filename: str | None


class Upload(Protocol):
    """A file that was stored. `size` in bytes."""

    @property
    def media_id(self) -> str: ...

    @property
    def mimetype(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def filename(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a bulk send that was not accepted; `code` and `detail` as in a problem."""

    code: str
    detail: str
    earlier_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """One check of the service. `ok` False makes /api/health and /readyz answer 503."""

    ok: bool
    fields: dict[str, JSON]  # exactly the body of /api/health: the contract's, and no more
    checks: dict[str, JSON] = field(default_factory=dict)  # what /readyz says beside them


class Sessions(Protocol):
    def owner(self, session_id: str) -> str | None:
        """The userId that a session belongs to; any thread, no I/O."""
        ...

    async def create(self, session: SessionId, config: SessionConfig) -> tuple[SessionResource, bool]:
        """Create and start; the bool: is it new. RuleBroken("session_taken") on a clash of ids."""
        ...

    async def all(self) -> list[SessionResource]: ...

    async def get(self, session_id: str) -> SessionResource:
        """RuleBroken("unknown_session") if there is none. So for all that follow."""
        ...

    async def start(self, session_id: str, by: str) -> SessionResource: ...

    async def stop(self, session_id: str, by: str) -> SessionResource: ...

    async def restart(self, session_id: str, by: str) -> SessionResource: ...

    async def logout(self, session_id: str, by: str) -> SessionResource: ...

    async def delete(self, session_id: str, by: str) -> None: ...

    async def configure(self, session_id: str, config: SessionConfig) -> SessionResource:
        """Replace its settings. RuleBroken("webhook_refused"): an address that is not allowed."""
        ...

    async def awake(self, session_id: str) -> SessionResource:
        """As `get`, once a session that lay down by idleness is up. DeadlinePassed, MemoryShort."""
        ...

    async def pairing_code(self, session_id: str, phone_number: str) -> str: ...

    async def screenshot(self, session_id: str) -> bytes: ...


class Messages(Protocol):
    async def accept(
        self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool
    ) -> Accepted | Duplicate | AlreadyAccepted:
        """Returns after the row is on disk. RuleBroken("key_reused") if the key belonged to other content."""
        ...

    async def accept_many(
        self, session_id: str, drafts: Sequence[tuple[Draft, bool]], *, key: str | None
    ) -> tuple[str, list[OutgoingMessage | Refused]]:
        """A bulk send, each draft with whether it may be a duplicate. -> its id, and what became of each."""
        ...

    async def batch(self, session_id: str, batch_id: str) -> Sequence[OutgoingMessage]:
        """A bulk send's messages in the order of acceptance. RuleBroken("unknown_batch")."""
        ...

    async def outcome(self, message_id: str, seconds: float) -> OutgoingMessage:
        """The row when it was sent, failed or cancelled, or as it is after `seconds`."""
        ...

    async def not_before(self, message: OutgoingMessage) -> datetime | None:
        """Until when the rate limits hold it back, at least; None: they do not, or it is not known."""
        ...

    async def page(
        self, session_id: str, *, direction: Direction | None, limit: int, cursor: str | None
    ) -> MessagePage:
        """RuleBroken("bad_cursor") if it is not one of ours."""
        ...

    async def get(self, session_id: str, named: str) -> OutgoingMessage | Received:
        """Of either direction; named by our id, by WhatsApp's, or by its full key.

        RuleBroken("unknown_message") if this session has no such message.
        """
        ...

    async def cancel(self, session_id: str, message_id: str) -> OutgoingMessage:
        """RuleBroken("wrong_state") when it has begun, or ended other than by failing."""
        ...

    async def retry(self, session_id: str, message_id: str) -> OutgoingMessage:
        """RuleBroken("wrong_state") unless it had failed."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookTrial:
    """How a receiver answered a test event; `took` in milliseconds."""

    url: str
    delivered: bool
    status: int | None
    error: str | None
    took: int


class Webhooks(Protocol):
    """RuleBroken("unknown_session") if there is none."""

    async def deliveries(
        self, session_id: str, *, state: TaskState | None, limit: int, before: int | None
    ) -> Sequence[Delivery]:
        """Newest first. `before`: a delivery's `seq`."""
        ...

    async def delivery(self, session_id: str, delivery_id: str) -> Delivery:
        """RuleBroken("unknown_delivery") if this session has no such delivery."""
        ...

    async def replay(self, session_id: str, delivery_id: str) -> Delivery:
        """RuleBroken("wrong_state") unless it was dead."""
        ...

    async def replay_dead(self, session_id: str) -> int: ...

    async def test(self, session_id: str, url: str | None) -> Sequence[WebhookTrial]:
        """RuleBroken("unknown_webhook") if the session has none, or none with this URL."""
        ...


class Mails(Protocol):
    """E-mails to the accounts' owners, as the journal has them."""

    async def mails(
        self, *, state: TaskState | None, session_id: str | None, limit: int, before: int | None
    ) -> Sequence[Mail]:
        """Newest first. `before`: a mail's `seq`."""
        ...

    async def mail(self, mail_id: str) -> Mail:
        """RuleBroken("unknown_mail")."""
        ...

    async def replay(self, mail_id: str) -> Mail:
        """RuleBroken("wrong_state") unless it was dead."""
        ...

    async def replay_dead(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MirrorState:
    """`open` and `set_aside` in changes. `copying`: what was there before the mirror is being taken over.

    `age`: seconds since the last answer.
    """

    configured: bool
    connected: bool
    age: float | None
    open: int
    set_aside: int
    copying: bool
    last_error: str | None


class Mirror(Protocol):
    """The copy of the journal elsewhere. What changes something: RuleBroken("no_mirror") without one."""

    async def state(self) -> MirrorState: ...

    async def set_aside(self, *, limit: int, after: int) -> Sequence[MirrorChange]:
        """In order. `after`: a change's `seq`."""
        ...

    async def retry(self) -> int:
        """Open again what was set aside; how many changes."""
        ...

    async def copy(self) -> int:
        """Take everything over once more; how many accounts there are."""
        ...


class Media(Protocol):
    async def save(
        self, session_id: str, pieces: AsyncIterator[bytes], said: str | None, filename: str | None
    ) -> Upload:
        """RuleBroken: "media_too_large", "media_invalid"."""
        ...

    async def stored(self, session_id: str, media_id: str) -> MediaFile:
        """RuleBroken("unknown_media") when there is none, or its time is over."""
        ...

    async def of_message(self, session_id: str, named: str) -> MediaFile:
        """The file of a message of either direction; asks the page for what is not on the volume."""
        ...


class Pages(Protocol):
    """What the sessions' pages know. SessionNotReady; SendRefused for what they will never do."""

    async def ask(self, session_id: str, call: PageCall, arguments: dict[str, JSON]) -> JSON:
        """See docs/messages.md for the answers."""
        ...

    async def number_status(self, session_id: str, number: str) -> NumberStatus: ...


class Operations(Protocol):
    """The operator's view and verbs. Reads are of published snapshots: no actor is asked."""

    def snapshot(
        self,
        *,
        depth: int | None,
        states: frozenset[str] | None,
        order: Literal["urgency", "start"] = "urgency",
    ) -> Snapshot:
        """Any thread; called on helper threads of the edge."""
        ...

    def transitions(self) -> Sequence[Transition]: ...

    def subscribe(self, listener: Callable[[Transition], None]) -> Callable[[], None]:
        """Calls with each transition, on a thread of supervision's; the result ends it."""
        ...

    async def act(self, verb: Verb, path: str, by: str) -> None:
        """supervision.AdminError when refused. Starts and stops of sessions survive the service's restart."""
        ...

    async def health(self) -> Health: ...
