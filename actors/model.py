"""The values that everybody here speaks of: sessions, messages, and what a page can tell.

Frozen, without behaviour beyond what follows from their own fields; safe to share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


class SessionStatus(StrEnum):
    """Where a session stands, as the contract names it."""

    INITIALIZING = "initializing"
    QR = "qr"
    AUTHENTICATED = "authenticated"
    READY = "ready"
    RECONNECTING = "reconnecting"
    ERROR = "error"  # needs a human
    STOPPED = "stopped"


class MessageStatus(StrEnum):
    QUEUED = "queued"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Priority(StrEnum):
    HIGH = "high"
    DEFAULT = "default"
    LOW = "low"


class Ack(IntEnum):
    """WhatsApp's delivery levels, as its page numbers them."""

    ERROR = -1
    PENDING = 0
    SERVER = 1
    DEVICE = 2
    READ = 3
    PLAYED = 4

    @property
    def status(self) -> MessageStatus:
        """The message status that this level proves."""
        if self >= Ack.READ:
            return MessageStatus.READ
        if self is Ack.DEVICE:
            return MessageStatus.DELIVERED
        if self is Ack.SERVER:
            return MessageStatus.SENT
        return MessageStatus.FAILED if self is Ack.ERROR else MessageStatus.SENDING


@dataclass(frozen=True, slots=True)
class SessionId:
    """Who a session belongs to; its text form names profiles, tree nodes and rooms."""

    user_id: str
    account_id: str

    def __str__(self) -> str:
        return f"user_{self.user_id}_wa_{self.account_id}"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message that was accepted for sending.

    `to` is digits only, without a plus sign, or a chat's own address (`…@g.us`, `…@lid`). `content` is what
    the type needs beside the body (docs/messages.md); it is never changed.
    """

    message_id: str
    session_id: str
    to: str
    body: str
    wa_message_id: str  # the bare stanza id, fixed before the first attempt
    type: str = "text"
    priority: Priority = Priority.DEFAULT
    status: MessageStatus = MessageStatus.QUEUED
    attempts: int = 0
    ack: Ack = Ack.PENDING
    error: str | None = None
    content_hash: str = ""  # SHA-256 of the whole content, for the duplicate guard
    idempotency_key: str | None = None
    created_at: datetime | None = None
    send_at: datetime | None = None
    sent_at: datetime | None = None
    may_be_on_wire: bool = False  # an attempt has begun at some time; a retry does not reset it
    content: dict[str, JSON] = field(default_factory=dict, hash=False)
    typing: float = 0.0  # seconds for which the recipient sees us typing before it is sent
    batch_id: str | None = None  # the bulk send that it is a part of


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message that reached the account. `sender` is digits only; `timestamp` is Unix seconds."""

    wa_message_id: str
    chat_id: str
    sender: str
    body: str
    type: str
    timestamp: int
    from_me: bool = False
    is_group: bool = False
    has_media: bool = False
    sender_name: str | None = None


@dataclass(frozen=True, slots=True)
class PageState:
    """What the page says of its connection at one moment."""

    authenticated: bool
    stream_mode: str  # QR, SYNCING, MAIN, OFFLINE, CONFLICT, … in the page's own words
    socket_state: str  # OPENING, PAIRING, UNPAIRED, CONNECTED, CONFLICT, … likewise
    phone_number: str | None = None
    profile_name: str | None = None

    @property
    def connected(self) -> bool:
        """Logged in, showing chats, and on the wire: all three, because each alone has been seen to lie."""
        return self.authenticated and self.stream_mode == "MAIN" and self.socket_state == "CONNECTED"


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """The page's answer to a send: the level reached when it answered."""

    wa_message_id: str
    ack: Ack


@dataclass(frozen=True, slots=True)
class NumberStatus:
    exists: bool
    id: str | None = None
    name: str | None = None
    is_blocked: bool = False
    is_business: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events. `events` are names, prefixes like `message:*`, or `*`.

    `secrets` sign what is sent: the newest first, at most two. They and `headers` are never shown again.
    """

    url: str
    events: tuple[str, ...] = ("*",)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class AiConfig:
    """How AI answers for one session; None: as the service's settings say. `pause` in seconds."""

    system_prompt: str | None = None
    model: str | None = None
    context_messages: int | None = None
    max_tokens: int | None = None
    pause: float | None = None
    groups: bool | None = None


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a user may set for one session."""

    proxy: str | None = None
    webhooks: tuple[Webhook, ...] = ()  # no two with one URL
    take_over: bool = False  # on CONFLICT: take the connection back instead of asking a human
    notify_email: str | None = None  # None, here and below: as the service's settings say
    language: str | None = None  # es, en
    timezone: str | None = None  # an IANA name
    ai_enabled: bool = False
    ai: AiConfig = AiConfig()


@dataclass(frozen=True, slots=True)
class Account:
    """A session's durable row: what is true of it while nothing runs."""

    session_id: str
    user_id: str
    account_id: str
    desired: bool = True  # should it be up
    phone_number: str | None = None
    profile_name: str | None = None
    last_error: str | None = None
    connected_at: datetime | None = None
    last_seen: datetime | None = None
    last_check: datetime | None = None
    created_at: datetime | None = None
    config: SessionConfig = field(default_factory=SessionConfig)
    idle_since: datetime | None = None  # down, though desired, until somebody needs it; see docs/memory.md
    missed_since: int | None = None  # Unix seconds: some that came since may be missing below newer ones


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """How far the journal has what arrived, in Unix seconds.

    `newest`: the stamp of the newest message, 0 without any. `missed_since`: see `Account`. `phone_number`:
    the phone that they came to.
    """

    newest: int = 0
    missed_since: int | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session's live side, published by its actor at every change and read by anybody without asking."""

    session_id: str
    status: SessionStatus
    since: datetime
    qr_code: str | None = None
    qr_expires_at: datetime | None = None
    qr_count: int = 0
    phone_number: str | None = None
    profile_name: str | None = None
    connected_at: datetime | None = None
    last_seen: datetime | None = None
    last_error: str | None = None
    restarts: int = 0
    idle: bool = False  # stopped by idleness: whoever needs it wakes it
    active_at: datetime | None = None  # the last message in or out, or the connection; some seconds behind
