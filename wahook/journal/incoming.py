"""Operations on what arrives, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa

from actors.errors import RuleBroken
from actors.messages import RecordIncoming, Unset
from actors.model import IncomingMessage
from actors.page import CHANGES, Arrival, NoticeArrived, Noticed
from wahook.journal import rows, sessions
from wahook.journal.schema import accounts, messages_in
from wahook.journal.text import storable

REVOKED = "revoked"  # the type of a message that was deleted for everyone, in WhatsApp's own word
_CHUNK = 500  # ids in one question: databases limit parameters
_LATEST = 2**53  # what a page's number can hold exactly, and any database
_T = TypeVar("_T", IncomingMessage, NoticeArrived)


def record(connection: sa.Connection, operation: RecordIncoming, now: datetime) -> tuple[Arrival, ...]:
    """Insert messages that are new by their WhatsApp id, each once; change those that were changed.

    And note since when others may be missing. What was new, in the order given.
    RuleBroken("unknown_session").
    """
    new: list[Arrival] = []
    for kind, run in groupby(map(_clean, operation.messages), key=type):
        if kind is IncomingMessage:
            new += _messages(connection, operation.session_id, _all(run, IncomingMessage), now)
        else:
            new += _notices(connection, operation.session_id, _all(run, NoticeArrived))
    if not isinstance(operation.missed_since, Unset):
        _note_missed(connection, operation.session_id, operation.missed_since)
    return tuple(new)


def _note_missed(connection: sa.Connection, session_id: str, since: int | None) -> None:
    """An earlier time stays until nothing is missed any more."""
    known = accounts.c.missed_since
    since = None if since is None else _stamp(since)
    differs = known.is_not(None) if since is None else sa.or_(known.is_(None), known > since)
    here = accounts.c.session_id == session_id
    connection.execute(sa.update(accounts).where(here, differs).values(missed_since=since))


def _all(run: Iterable[Arrival], kind: type[_T]) -> list[_T]:
    return [one for one in run if isinstance(one, kind)]


# -- messages -----------------------------------------------------------------------------------------------


def _messages(
    connection: sa.Connection, session_id: str, messages: Sequence[IncomingMessage], now: datetime
) -> list[IncomingMessage]:
    offered: dict[str, IncomingMessage] = {}
    for message in messages:
        offered.setdefault(message.wa_message_id, message)
    known = _known(connection, session_id, list(offered))
    new = [message for wa_id, message in offered.items() if wa_id not in known]
    if new:
        values = [rows.incoming_values(session_id, message, now) for message in new]
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


# -- what is done to them -----------------------------------------------------------------------------------


def _notices(
    connection: sa.Connection, session_id: str, notices: Sequence[NoticeArrived]
) -> list[NoticeArrived]:
    if sessions.find(connection, session_id) is None:
        raise RuleBroken("unknown_session", f"there is no session {session_id}")
    return [one for one in notices if _is_new(connection, session_id, one)]


def _is_new(connection: sa.Connection, session_id: str, notice: NoticeArrived) -> bool:
    """And the message's row says it from now on, if there is one."""
    if notice.what not in CHANGES:
        return True
    this = messages_in.c.session_id == session_id, messages_in.c.wa_message_id == notice.wa_id
    query = sa.select(messages_in.c.body, messages_in.c.type).where(*this)
    row = connection.execute(query).mappings().first()
    if row is None:
        return not notice.found
    changes = _changes(row, notice)
    if changes:
        connection.execute(sa.update(messages_in).where(*this).values(changes))
    return bool(changes)


def _changes(row: sa.RowMapping, notice: NoticeArrived) -> dict[str, Any]:
    """The columns that are others now. Nothing comes back from a deletion."""
    if row["type"] == REVOKED:
        return {}
    if notice.what is Noticed.REVOKED:
        return {"type": REVOKED, "body": "", "has_media": False}
    return {} if row["body"] == notice.body else {"body": notice.body}


def _clean(one: Arrival) -> Arrival:
    texts = {f.name: value for f in fields(one) if type(value := getattr(one, f.name)) is str}
    cleaned: dict[str, Any] = {name: storable(text) for name, text in texts.items()}
    timestamp = _stamp(one.timestamp)
    if cleaned == texts and timestamp == one.timestamp:
        return one
    return replace(one, timestamp=timestamp, **cleaned)


def _stamp(seconds: int) -> int:
    return min(max(seconds, 0), _LATEST)
