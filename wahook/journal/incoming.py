"""Operations on incoming messages, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import datetime

import sqlalchemy as sa

from actors.messages import RecordIncoming
from actors.model import IncomingMessage
from wahook.journal import rows
from wahook.journal.schema import messages_in
from wahook.journal.text import storable

_CHUNK = 500  # ids in one question: databases limit parameters
_LATEST = 2**53  # what a page's number can hold exactly, and any database


def record(
    connection: sa.Connection, operation: RecordIncoming, now: datetime
) -> tuple[IncomingMessage, ...]:
    """Insert those that are new by their WhatsApp id, each once; these, in the order given."""
    offered: dict[str, IncomingMessage] = {}
    for message in map(_clean, operation.messages):
        offered.setdefault(message.wa_message_id, message)
    known = _known(connection, operation.session_id, list(offered))
    new = tuple(message for wa_id, message in offered.items() if wa_id not in known)
    if new:
        values = [rows.incoming_values(operation.session_id, message, now) for message in new]
        connection.execute(sa.insert(messages_in), values)
    return new


def _known(connection: sa.Connection, session_id: str, wa_ids: list[str]) -> Collection[str]:
    known: set[str] = set()
    for start in range(0, len(wa_ids), _CHUNK):
        chunk = wa_ids[start : start + _CHUNK]
        query = sa.select(messages_in.c.wa_message_id).where(
            messages_in.c.session_id == session_id, messages_in.c.wa_message_id.in_(chunk)
        )
        known.update(connection.execute(query).scalars())
    return known


def _clean(message: IncomingMessage) -> IncomingMessage:
    texts = {f.name: value for f in fields(message) if isinstance(value := getattr(message, f.name), str)}
    cleaned = {name: storable(text) for name, text in texts.items()}
    timestamp = min(max(message.timestamp, 0), _LATEST)
    if cleaned == texts and timestamp == message.timestamp:
        return message
    return replace(message, timestamp=timestamp, **cleaned)  # type: ignore[arg-type]
