"""What actors say to one another: frozen dataclasses, grouped by who understands them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from actors.durable import DurableOperation
from actors.model import (
    Account,
    Ack,
    IncomingMessage,
    MessageStatus,
    OutgoingMessage,
    PageState,
    SessionConfig,
)
from actors.page import Arrival, NoticeArrived

# --- from the page to its session ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QrShown:
    """The page shows this code; `code` is the full text a phone scans."""

    code: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The page's login, stream mode or socket state changed, or a document became able to tell."""

    state: PageState


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The page was logged out; `reason` is the page's own word, LOGOUT where it gives none."""

    reason: str


@dataclass(frozen=True, slots=True)
class MessageArrived:
    message: IncomingMessage


@dataclass(frozen=True, slots=True)
class AckArrived:
    wa_message_id: str
    ack: Ack


@dataclass(frozen=True, slots=True)
class DocumentLoaded:
    """A new document has our scripts in it; after the first one this means the page reloaded."""

    url: str


@dataclass(frozen=True, slots=True)
class LoadingProgress:
    """The page loads or syncs; `percent` is 0 to 100."""

    percent: int
    message: str


@dataclass(frozen=True, slots=True)
class AccountBanned:
    """WhatsApp closed the account until then (an aware datetime)."""

    until: datetime


@dataclass(frozen=True, slots=True)
class BrowserLost:
    """The browser, its renderer or our DevTools channel is gone; `reason` is a fixed word of BrowserLoss."""

    reason: str
    detail: str = ""


PageEvent: TypeAlias = (
    QrShown
    | StateChanged
    | LoggedOut
    | MessageArrived
    | NoticeArrived
    | AckArrived
    | DocumentLoaded
    | LoadingProgress
    | AccountBanned
    | BrowserLost
)

# --- to a session ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Put this message on the wire and answer with a SendReceipt; asked by the outbox with a deadline."""

    message: OutgoingMessage
    deadline: float  # seconds
    may_be_on_wire: bool  # an earlier attempt may have reached WhatsApp: look for the id first


@dataclass(frozen=True, slots=True)
class RequestPairingCode:
    phone_number: str


@dataclass(frozen=True, slots=True)
class CheckNumber:
    number: str


@dataclass(frozen=True, slots=True)
class TakeScreenshot:
    """Answered with PNG bytes."""


@dataclass(frozen=True, slots=True)
class Logout:
    """Log the device out at WhatsApp and end; the profile is removed by whoever asked."""


@dataclass(frozen=True, slots=True)
class Recycle:
    """End the browser in good order at an idle moment and come back with a fresh one; no failure.

    Ignored unless the session is ready and nothing went in or out for `quiet` seconds.
    """

    reason: str
    quiet: float = 0.0


@dataclass(frozen=True, slots=True)
class Unload:
    """Lie down until somebody needs the session: end the browser, stay wanted. Ignored as `Recycle` is."""

    quiet: float


@dataclass(frozen=True, slots=True)
class ConnectionSuspect:
    """A keep-alive child found the page not connected, or (`answers` False) not answering."""

    reason: str
    answers: bool = True


# --- to the journal writer -------------------------------------------------------------------------------


class Unset:
    """The type of UNSET, the default of a column that is not changed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class AcceptMessage:
    """Take a message into the outbox. -> Accepted | Duplicate | AlreadyAccepted"""

    message: OutgoingMessage
    duplicate_window: float | None  # seconds; None: duplicates are allowed


@dataclass(frozen=True, slots=True)
class BeginAttempt:
    """Count an attempt, mark the row `sending`. -> OutgoingMessage as before, None if it must not go."""

    message_id: str


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """Write an attempt's outcome. -> the row, or None if it is gone.

    `spent` False gives the attempt back that BeginAttempt counted: nothing was sent, for the session was not
    ready. It does so only to a row that is `sending`, so that saying it twice gives back one.
    """

    message_id: str
    status: MessageStatus
    ack: Ack = Ack.PENDING
    error: str | None = None
    spent: bool = True


@dataclass(frozen=True, slots=True)
class RecordAck:
    """Raise a message's delivery level; never lowers it. -> OutgoingMessage, None if nothing changed"""

    session_id: str
    wa_message_id: str
    ack: Ack


@dataclass(frozen=True, slots=True)
class RecordIncoming:
    """Journal what arrived, in order. -> tuple of what was new, in the order given.

    A message is new by its id. A change of a received message is new if its row does not say it already, and
    its row says it from now on; of other messages, and of what leaves no row, if somebody saw it happen.

    `missed_since`: these go ahead of a history that does not come, which is still wanted since that Unix
    time, or since an earlier one that the row has; None: with these nothing is missed any more.
    """

    session_id: str
    messages: tuple[Arrival, ...]
    missed_since: int | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class SaveAccount:
    """Create a session's row if there is none. -> (Account as stored, created: bool)"""

    account: Account


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    """Change the named columns of a session's row. -> Account | None

    `Unset` columns stay as they are; None is written as such. `for_good`: the loss in `last_error` lasts
    until a human acts, which is no column but what mirrors of the journal ask.
    """

    session_id: str
    changes: AccountChanges
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class AccountChanges:
    desired: bool | Unset = UNSET
    phone_number: str | Unset | None = UNSET
    profile_name: str | Unset | None = UNSET
    last_error: str | Unset | None = UNSET
    connected_at: datetime | Unset | None = UNSET
    last_seen: datetime | Unset | None = UNSET
    last_check: datetime | Unset | None = UNSET
    config: SessionConfig | Unset = UNSET
    idle_since: datetime | Unset | None = UNSET
    missed_since: Unset | None = UNSET  # else with what arrives


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Forget a session and its messages. -> bool: was there one"""

    session_id: str


@dataclass(frozen=True, slots=True)
class CancelMessage:
    """Cancel what waits or failed. -> OutgoingMessage after, None if unknown, RuleBroken("wrong_state")"""

    message_id: str


@dataclass(frozen=True, slots=True)
class RetryMessage:
    """Queue a failed message again with fresh attempts and the same WhatsApp id, which is looked for first.

    -> OutgoingMessage after, None if unknown, RuleBroken("wrong_state")
    """

    message_id: str


JournalOperation: TypeAlias = (
    AcceptMessage
    | BeginAttempt
    | EndAttempt
    | RecordAck
    | RecordIncoming
    | SaveAccount
    | UpdateAccount
    | DeleteAccount
    | CancelMessage
    | RetryMessage
    | DurableOperation
)


@dataclass(frozen=True, slots=True)
class Accepted:
    message: OutgoingMessage


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same content went to the same recipient within the window; nothing was written."""

    earlier: OutgoingMessage


@dataclass(frozen=True, slots=True)
class AlreadyAccepted:
    """The idempotency key was used before for the same content; this is its first answer."""

    message: OutgoingMessage


@dataclass(frozen=True, slots=True)
class Journaled:
    """The writer's answer by tell to whoever gave a correlation: committed, with the operation's result."""

    correlation: str
    result: object


@dataclass(frozen=True, slots=True)
class Write:
    """Asked (edge, outbox): answered after the commit with the operation's result.

    Told with `reply_to` (a path) and `correlation`: answered by a `Journaled` message there.
    """

    operation: JournalOperation
    reply_to: str | None = None
    correlation: str = ""


# --- to an outbox lane -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenLane:
    """The session can send: let its queues run."""


@dataclass(frozen=True, slots=True)
class CloseLane:
    """The session cannot send: let its queues wait, which costs no attempt."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """A row was accepted (or is due again): put its pointer into the queue."""

    message: OutgoingMessage


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A row was cancelled: take its pointer out, so that RQ's tools do not show it as waiting."""

    message_id: str


# --- to the archiver of profiles --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProfileReady:
    """The session is logged in and settled: archive its profile from now on. Idempotent."""

    session_id: str


@dataclass(frozen=True, slots=True)
class ProfileClosed:
    """The session's browser has ended: archive its profile a last time."""

    session_id: str


@dataclass(frozen=True, slots=True)
class ForgetProfile:
    """The session was logged out or deleted: delete its archives."""

    session_id: str
