"""Which deliveries follow from what is journaled: the journal asks in the middle of its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from actors.durable import Delivery, Prune
from actors.events import (
    Event,
    IncomingCall,
    MessageAck,
    MessageEdited,
    MessageFailed,
    MessageReaction,
    MessageReceived,
    MessageRevoked,
    MessageSent,
    PollVote,
)
from actors.messages import (
    DeleteAccount,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    SaveAccount,
    UpdateAccount,
)
from actors.model import Account, IncomingMessage, MessageStatus, OutgoingMessage, Webhook
from actors.page import Arrival
from actors.session_view import arrived
from wahook.notify.webhooks.envelope import deliveries
from wahook.notify.webhooks.receivers import Receivers

_ARRIVING = MessageReceived, MessageEdited, MessageRevoked, MessageReaction, PollVote, IncomingCall
JOURNALED = frozenset(kind.name for kind in (*_ARRIVING, MessageSent, MessageAck, MessageFailed))
_ON_WIRE = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ})


class WebhookConsequences:
    """Implements `wahook.journal.consequences.Consequences`.

    `committed` and `doubted` hear, on the writer's thread, of what is on disk and of commits that failed.
    """

    def __init__(
        self,
        receivers: Receivers,
        patience: timedelta,
        committed: Callable[[Sequence[Delivery]], object],
        doubted: Callable[[], object],
    ) -> None:
        self._receivers = receivers
        self._patience = patience
        self._committed = committed
        self._doubted = doubted
        self._removed = False

    def needs_before(self, operation: JournalOperation) -> bool:
        """Only for a session that somebody listens to; an EndAttempt does not name its session."""
        match operation:
            case RecordAck(session_id=session_id):
                return bool(self._receivers.of(session_id))
            case EndAttempt():
                return self._receivers.any()
        return False

    def of(
        self, operation: JournalOperation, before: OutgoingMessage | None, result: object, now: datetime
    ) -> tuple[Delivery, ...]:
        """What receivers are told because of it."""
        self._follow(operation, result)
        return tuple(
            one
            for event, chat, mark in happened(operation, before, result)
            for one in deliveries(event, self._hearing(event), chat, now, self._patience, mark=mark)
        )

    def _hearing(self, event: Event) -> Sequence[Webhook]:
        return self._receivers.hearing(event.session_id, event.name)

    def committed(self, added: Sequence[Delivery]) -> None:
        """Hand them to the sender. After a removal SQLite gives numbers anew that the sender has met."""
        if added:
            self._committed(added)
        if self._removed:
            self._removed = False
            self._doubted()

    def undone(self) -> None:
        """Nobody knows what is on disk: read it."""
        self._removed = False
        self._receivers.doubt()
        self._doubted()

    def _follow(self, operation: JournalOperation, result: object) -> None:
        self._removed |= isinstance(operation, DeleteAccount | Prune)
        match operation, result:
            case SaveAccount(), (Account() as account, bool()):
                self._receivers.note(account)
            case UpdateAccount(), Account() as account:
                self._receivers.note(account)
            case DeleteAccount(session_id=session_id), _:
                self._receivers.forget(session_id)


def happened(
    operation: JournalOperation, before: OutgoingMessage | None, result: object
) -> Iterator[tuple[Event, str, str]]:
    """The events of an operation, in order, each with its chat, and its mark if it leaves no row. Pure."""
    match operation, result:
        case RecordIncoming(session_id=session_id), tuple() as new:
            for one in new:
                yield arrived(session_id, one), chat_of(one), _mark(one)
        case ((RecordAck() | EndAttempt()), OutgoingMessage() as after) if before is not None:
            for event in _outgoing(operation, before, after):
                yield event, after.to, ""


def chat_of(one: Arrival) -> str:
    """A number for one person, as outgoing messages name them; the chat's id for a group."""
    if one.is_group:
        return one.chat_id
    return one.sender if isinstance(one, IncomingMessage) else one.peer or one.sender


def _mark(one: Arrival) -> str:
    """What is told twice must not be delivered twice, and no row says that it is known."""
    if isinstance(one, IncomingMessage):
        return ""
    return f"{one.wa_id} {one.sender} {one.mark}"


def _outgoing(
    operation: JournalOperation, before: OutgoingMessage, after: OutgoingMessage
) -> Iterator[Event]:
    ids = after.session_id, after.message_id
    if before.status not in _ON_WIRE and after.status in _ON_WIRE:
        yield MessageSent(*ids, after.wa_message_id, after.to)
    if before.status is not MessageStatus.FAILED and after.status is MessageStatus.FAILED:
        yield MessageFailed(*ids, after.to, after.error or "failed")
    if isinstance(operation, RecordAck):
        yield MessageAck(*ids, after.wa_message_id, after.ack, after.status)
