"""Operations on outgoing messages, inside the writer's transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from actors.errors import RuleBroken
from actors.messages import (
    Accepted,
    AcceptMessage,
    AlreadyAccepted,
    BeginAttempt,
    CancelMessage,
    Duplicate,
    EndAttempt,
    RecordAck,
    RetryMessage,
)
from actors.model import Ack, OutgoingMessage
from wahook.journal import rows, rules
from wahook.journal.schema import accounts, messages_out
from wahook.journal.text import require_storable, storable

KEY_VALID = timedelta(hours=24)

_MUTABLE = ("status", "attempts", "may_be_on_wire", "ack", "error", "sent_at")
_table = messages_out
_by_id = sa.select(_table).where(_table.c.message_id == sa.bindparam("message_id")).with_for_update()
_by_wa = (
    sa.select(_table)
    .where(
        _table.c.session_id == sa.bindparam("session_id"),
        _table.c.wa_message_id == sa.bindparam("wa_message_id"),
    )
    .with_for_update()
)
_by_key = sa.select(_table).where(
    _table.c.session_id == sa.bindparam("session_id"), _table.c.idempotency_key == sa.bindparam("key")
)
_twin = (
    sa.select(_table)
    .where(
        _table.c.session_id == sa.bindparam("session_id"),
        _table.c.content_hash == sa.bindparam("content_hash"),
        _table.c.recipient == sa.bindparam("recipient"),
        _table.c.created_at > sa.bindparam("since", type_=_table.c.created_at.type),
        _table.c.status.not_in(sorted(rules.NO_DUPLICATE_OF)),
    )
    .order_by(_table.c.created_at.desc(), _table.c.seq.desc())
    .limit(1)
)
_free_key = (
    sa.update(_table)
    .where(
        _table.c.session_id == sa.bindparam("session"),
        _table.c.idempotency_key == sa.bindparam("key"),
    )
    .values(idempotency_key=None)
)
_insert = sa.insert(_table)
_store = (
    sa.update(_table)
    .where(_table.c.message_id == sa.bindparam("its_id"))
    .values({name: sa.bindparam(name) for name in _MUTABLE})
)


def accept(
    connection: sa.Connection, operation: AcceptMessage, now: datetime
) -> Accepted | Duplicate | AlreadyAccepted:
    """Insert, unless the key, the duplicate guard or the ids say that it is here already.

    RuleBroken: "unknown_session", "key_reused", "id_taken", "bad_text", "bad_value".
    """
    wanted = operation.message
    content = json.dumps(wanted.content, ensure_ascii=False)
    require_storable(wanted.body, wanted.to, wanted.idempotency_key or "", content.replace("\\u0000", "\0"))
    if wanted.send_at is not None and wanted.send_at.tzinfo is None:
        raise RuleBroken("bad_value", "send_at needs a time zone")
    earlier = _under_key(connection, wanted, now) or _duplicate(connection, operation, now)
    if earlier is not None:
        return earlier
    fresh = replace(
        wanted,
        status=rules.first_status(wanted.send_at, now),
        attempts=0,
        ack=Ack.PENDING,
        error=None,
        created_at=now,
        sent_at=None,
        may_be_on_wire=False,
    )
    if wanted.idempotency_key is not None:  # whoever still has it has it no longer validly
        connection.execute(_free_key, {"session": wanted.session_id, "key": wanted.idempotency_key})
    connection.execute(_insert, rows.outgoing_values(fresh))
    return Accepted(fresh)


def why_not_accepted(connection: sa.Connection, operation: AcceptMessage) -> AlreadyAccepted | RuleBroken:
    """After the database refused the insert, which is cheaper than to ask before each one."""
    wanted = operation.message
    known = accounts.c.session_id == wanted.session_id
    if connection.execute(sa.select(accounts.c.session_id).where(known)).first() is None:
        return RuleBroken("unknown_session", f"there is no session {wanted.session_id}")
    earlier = _find(connection, _by_id, message_id=wanted.message_id)
    if earlier is not None and _same_content(earlier, wanted):
        return AlreadyAccepted(earlier)  # told twice: the first answer was lost on its way
    return RuleBroken("id_taken", "this message id belongs to another message")


def before(connection: sa.Connection, operation: EndAttempt | RecordAck) -> OutgoingMessage | None:
    """The row that an operation is about, as it is."""
    match operation:
        case EndAttempt(message_id=message_id):
            return _find(connection, _by_id, message_id=message_id)
        case RecordAck(session_id=session_id, wa_message_id=wa_message_id):
            return _find(connection, _by_wa, session_id=session_id, wa_message_id=wa_message_id)


def begin(connection: sa.Connection, operation: BeginAttempt) -> OutgoingMessage | None:
    """Count an attempt; the row as it was before."""
    before = _find(connection, _by_id, message_id=operation.message_id)
    after = None if before is None else rules.begin(before)
    if before is None or after is None:
        return None
    _update(connection, before, after)
    return before


def end(connection: sa.Connection, operation: EndAttempt, now: datetime) -> OutgoingMessage | None:
    """Write an attempt's outcome."""
    outcome = replace(operation, error=storable(operation.error)) if operation.error else operation
    return _change(connection, operation.message_id, lambda row: rules.end(row, outcome, now))


def record_ack(connection: sa.Connection, operation: RecordAck, now: datetime) -> OutgoingMessage | None:
    """Raise a delivery level."""
    ids = {"session_id": operation.session_id, "wa_message_id": operation.wa_message_id}
    before = _find(connection, _by_wa, **ids)
    after = None if before is None else rules.acknowledge(before, operation.ack, now)
    if before is not None and after is not None:
        _update(connection, before, after)
    return after


def cancel(connection: sa.Connection, operation: CancelMessage) -> OutgoingMessage | None:
    """Cancel what waits or has failed."""
    return _change(connection, operation.message_id, rules.cancel)


def retry(connection: sa.Connection, operation: RetryMessage) -> OutgoingMessage | None:
    """Queue a failed message again."""
    return _change(connection, operation.message_id, rules.retry)


def _under_key(connection: sa.Connection, wanted: OutgoingMessage, now: datetime) -> AlreadyAccepted | None:
    if wanted.idempotency_key is None:
        return None
    earlier = _find(connection, _by_key, session_id=wanted.session_id, key=wanted.idempotency_key)
    if earlier is None:
        return None
    if earlier.created_at is not None and earlier.created_at <= now - KEY_VALID:
        return None
    if not _same_content(earlier, wanted):
        raise RuleBroken("key_reused", "this idempotency key was used for another message")
    return AlreadyAccepted(earlier)


def _duplicate(
    connection: sa.Connection, operation: AcceptMessage, now: datetime
) -> Duplicate | AlreadyAccepted | None:
    wanted = operation.message
    if not operation.duplicate_window:
        return None
    earlier = _find(
        connection,
        _twin,
        session_id=wanted.session_id,
        content_hash=wanted.content_hash,
        recipient=wanted.to,
        since=now - timedelta(seconds=operation.duplicate_window),
    )
    if earlier is None:
        return None
    return AlreadyAccepted(earlier) if earlier.message_id == wanted.message_id else Duplicate(earlier)


def _same_content(one: OutgoingMessage, other: OutgoingMessage) -> bool:
    return (one.session_id, one.to, one.content_hash) == (other.session_id, other.to, other.content_hash)


def _find(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]], **values: object
) -> OutgoingMessage | None:
    row = connection.execute(query, values).mappings().first()
    return None if row is None else rows.outgoing(row)


def _change(
    connection: sa.Connection, message_id: str, rule: Callable[[OutgoingMessage], OutgoingMessage]
) -> OutgoingMessage | None:
    before = _find(connection, _by_id, message_id=message_id)
    if before is None:
        return None
    after = rule(before)
    _update(connection, before, after)
    return after


def _update(connection: sa.Connection, before: OutgoingMessage, after: OutgoingMessage) -> None:
    if after != before:
        values = rows.outgoing_values(after)
        changed = {name: values[name] for name in _MUTABLE}
        connection.execute(_store, changed | {"its_id": after.message_id})
