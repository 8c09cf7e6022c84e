"""What may become of an outgoing message: pure functions from a row to the row after. No clock, no I/O.

    queued ──begin──▶ sending ──end──▶ sent ──ack──▶ delivered ──ack──▶ read
    scheduled ─▲         │ ├──end──▶ queued (another attempt)
        │ cancel         │ └──end──▶ failed ──retry──▶ queued
        ▼                └─ begin again: an earlier life crashed in mid-send
    cancelled ◀─cancel── failed

Proof that WhatsApp has the message (a level of SERVER or more) beats every other outcome, whenever it comes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from actors.errors import RuleBroken
from actors.messages import EndAttempt
from actors.model import Ack, MessageStatus, OutgoingMessage

MAY_BEGIN = frozenset({MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING})
CANCELLABLE = frozenset({MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.FAILED})
ON_THE_WIRE = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ})
NO_DUPLICATE_OF = frozenset({MessageStatus.FAILED, MessageStatus.CANCELLED})


def first_status(send_at: datetime | None, now: datetime) -> MessageStatus:
    """What an accepted message begins as."""
    return MessageStatus.SCHEDULED if send_at is not None and send_at > now else MessageStatus.QUEUED


def begin(row: OutgoingMessage) -> OutgoingMessage | None:
    """The row during an attempt; None if it must not go (any more)."""
    if row.status not in MAY_BEGIN:
        return None
    return replace(row, status=MessageStatus.SENDING, attempts=row.attempts + 1, may_be_on_wire=True)


def end(row: OutgoingMessage, outcome: EndAttempt, now: datetime) -> OutgoingMessage:
    """The row after an attempt; unchanged where the outcome says less than is known already."""
    if outcome.status in ON_THE_WIRE or outcome.ack >= Ack.SERVER:
        return _raise(row, outcome.ack, outcome.status, now)
    if row.status is not MessageStatus.SENDING:
        return row
    attempts = row.attempts if outcome.spent else max(0, row.attempts - 1)
    return replace(row, status=outcome.status, error=outcome.error, attempts=attempts)


def acknowledge(row: OutgoingMessage, ack: Ack, now: datetime) -> OutgoingMessage | None:
    """The row after its delivery level was heard of; None if that changes nothing.

    ERROR and PENDING prove nothing: the attempt itself will tell how it ended.
    """
    if ack < Ack.SERVER or ack <= row.ack:
        return None
    return _raise(row, ack, ack.status, now)


def cancel(row: OutgoingMessage) -> OutgoingMessage:
    """The row after a cancellation; doing it twice is fine.

    RuleBroken("wrong_state") while it is being sent and once it was.
    """
    if row.status is MessageStatus.CANCELLED:
        return row
    if row.status not in CANCELLABLE:
        raise RuleBroken("wrong_state", f"a message that is {row.status} cannot be cancelled")
    return replace(row, status=MessageStatus.CANCELLED)


def retry(row: OutgoingMessage) -> OutgoingMessage:
    """The row after an operator's retry. RuleBroken("wrong_state") unless it had failed.

    The WhatsApp id stays: the page looks for it before it sends, so an attempt that had arrived after all is
    found and not doubled. A new id could not be looked for.
    """
    if row.status is not MessageStatus.FAILED:
        raise RuleBroken("wrong_state", f"a message that is {row.status} cannot be retried")
    return replace(row, status=MessageStatus.QUEUED, attempts=0, error=None)


def _raise(row: OutgoingMessage, ack: Ack, status: MessageStatus, now: datetime) -> OutgoingMessage:
    level = max(row.ack, ack)
    known = (row.status, status, level.status)
    best = max((one for one in known if one in ON_THE_WIRE), key=_ORDER.__getitem__)
    return replace(row, status=best, ack=level, error=None, sent_at=row.sent_at or now)


_ORDER = {MessageStatus.SENT: 1, MessageStatus.DELIVERED: 2, MessageStatus.READ: 3}
