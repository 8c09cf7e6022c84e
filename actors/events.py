"""What the service tells the outside: one small struct per event, named as Socket.IO names it.

`name` is the wire name of the contract. Fields become the payload in camelCase. None of these is logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Qr:
    """Qr is emitted when the page shows the first code of a pairing. `qr` is a data URL made by the edge."""

    name: ClassVar[str] = "qr"
    session_id: str
    code: str
    timestamp: int  # Unix milliseconds


@dataclass(frozen=True, slots=True)
class QrUpdated:
    """QrUpdated is emitted when the page replaces a code that nobody scanned."""

    name: ClassVar[str] = "qr:updated"
    session_id: str
    code: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Loading:
    """Loading is emitted while the page loads or syncs; `percent` is 0 to 100."""

    name: ClassVar[str] = "loading"
    session_id: str
    percent: int
    message: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Authenticated is emitted when the phone has scanned and the login is being settled."""

    name: ClassVar[str] = "authenticated"
    session_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Ready is emitted when the session can send and receive for the first time since its login or start."""

    name: ClassVar[str] = "ready"
    session_id: str
    phone_number: str
    profile_name: str | None


@dataclass(frozen=True, slots=True)
class Reconnected:
    """Reconnected is emitted instead of Ready when a session came back by itself after a loss."""

    name: ClassVar[str] = "reconnected"
    session_id: str
    phone_number: str
    profile_name: str | None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Disconnected is emitted when a ready session is lost; `permanent` means that a human must act."""

    name: ClassVar[str] = "disconnected"
    session_id: str
    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """AuthFailure is emitted when the login was refused or is no longer accepted."""

    name: ClassVar[str] = "auth_failure"
    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """StatusChanged is emitted at every change of a session's status."""

    name: ClassVar[str] = "session:status"
    session_id: str
    status: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """MessageReceived is emitted once per incoming message, after its journal row is on disk."""

    name: ClassVar[str] = "message:received"
    session_id: str
    id: str
    from_: str
    body: str
    type: str
    has_media: bool
    timestamp: int  # Unix seconds, as WhatsApp stamps it
    chat_id: str = ""
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """MessageEdited is emitted when somebody changes a message's text. `id`, here and below: WhatsApp's."""

    name: ClassVar[str] = "message:edited"
    session_id: str
    id: str
    chat_id: str
    from_: str
    body: str
    from_me: bool
    timestamp: int  # Unix seconds, here and below


@dataclass(frozen=True, slots=True)
class MessageRevoked:
    """MessageRevoked is emitted when a message is deleted for everyone."""

    name: ClassVar[str] = "message:revoked"
    session_id: str
    id: str
    chat_id: str
    from_: str
    from_me: bool
    timestamp: int


@dataclass(frozen=True, slots=True)
class MessageReaction:
    """MessageReaction is emitted when somebody reacts to a message; an empty `emoji` takes it back."""

    name: ClassVar[str] = "message:reaction"
    session_id: str
    id: str  # of the message
    chat_id: str
    from_: str
    emoji: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class PollVote:
    """PollVote is emitted when somebody votes; `options` are all that are chosen now."""

    name: ClassVar[str] = "poll:vote"
    session_id: str
    id: str  # of the poll
    chat_id: str
    from_: str
    options: list[str]
    timestamp: int


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """IncomingCall is emitted when somebody calls the account. It rings on the phone; nobody answers here."""

    name: ClassVar[str] = "call"
    session_id: str
    id: str
    from_: str
    is_video: bool
    is_group: bool
    timestamp: int


@dataclass(frozen=True, slots=True)
class MessageSent:
    """MessageSent is emitted when WhatsApp's server has taken an outgoing message."""

    name: ClassVar[str] = "message:sent"
    session_id: str
    message_id: str
    wa_message_id: str
    to: str


@dataclass(frozen=True, slots=True)
class MessageAck:
    """MessageAck is emitted when an outgoing message's delivery level rises, after the journal has it."""

    name: ClassVar[str] = "message:ack"
    session_id: str
    message_id: str | None  # None: sent from the phone or another device
    wa_message_id: str
    ack: int
    status: str


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """MessageFailed is emitted when an accepted message is given up; it stays in the journal, retryable."""

    name: ClassVar[str] = "message:failed"
    session_id: str
    message_id: str
    to: str
    error: str


@dataclass(frozen=True, slots=True)
class AiFailed:
    """AiFailed is emitted when a message that was to be answered by AI is not; `id` is that message's."""

    name: ClassVar[str] = "ai:failed"
    session_id: str
    id: str
    reason: str  # a fixed word: timeout, rate_limited, … (docs/ai-reply.md)


Event: TypeAlias = (
    Qr
    | QrUpdated
    | Loading
    | Authenticated
    | Ready
    | Reconnected
    | Disconnected
    | AuthFailure
    | StatusChanged
    | MessageReceived
    | MessageEdited
    | MessageRevoked
    | MessageReaction
    | PollVote
    | IncomingCall
    | MessageSent
    | MessageAck
    | MessageFailed
    | AiFailed
)
