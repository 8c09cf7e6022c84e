"""One chat at a time, as the AI's policy wants to know it. Read straight from the database, by any thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from actors.model import MessageStatus
from wahook.journal.faults import database_faults
from wahook.journal.schema import messages_in, messages_out

NEVER_SENT = (MessageStatus.FAILED.value, MessageStatus.CANCELLED.value)


class Author(Enum):
    """Who wrote a line."""

    THEM = "them"
    US = "us"  # a person, or a program of theirs
    AI = "ai"
    SERVICE = "service"  # the test message


AI_KEY = "ai:"
_SERVICE_KEY = "test:"


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a chat. `at`: when the journal had it. `name`: of who wrote it, where it is known."""

    author: Author
    body: str
    at: datetime
    type: str = "chat"
    name: str | None = None
    wa_message_id: str | None = None  # of what came


@dataclass(frozen=True, slots=True)
class Arrival:
    """An incoming message that nothing has answered yet, by its ids."""

    session_id: str
    sender: str
    wa_message_id: str


class ChatReader:
    """Blocking, each call within the database's deadline; JournalError when it fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def lines(self, session_id: str, address: str, chat_id: str, since: datetime, limit: int) -> list[Line]:
        """The last lines of one chat, oldest first. `address`: what is sent there goes to it."""
        # a person may write under two addresses, so it is the number that tells whose chat it is
        here = messages_in.c.chat_id == chat_id
        theirs = sa.and_(messages_in.c.sender == address, messages_in.c.is_group.is_(False))
        came = (
            sa.select(messages_in)
            .where(
                messages_in.c.session_id == session_id,
                sa.or_(here, theirs),
                messages_in.c.received_at >= since,
            )
            .order_by(messages_in.c.received_at.desc(), messages_in.c.seq.desc())
            .limit(limit)
        )
        went = (
            sa.select(messages_out)
            .where(
                messages_out.c.session_id == session_id,
                messages_out.c.recipient == address,
                messages_out.c.created_at >= since,
                messages_out.c.status.not_in(NEVER_SENT),
            )
            .order_by(messages_out.c.created_at.desc(), messages_out.c.seq.desc())
            .limit(limit)
        )
        found = [_came(row) for row in self._all(came)] + [_went(row) for row in self._all(went)]
        return sorted(found, key=lambda line: line.at)[-limit:]

    def replies(self, session_id: str, since: datetime, address: str | None = None) -> int:
        """How many AI replies were accepted since then, to one chat or to all."""
        query = sa.select(sa.func.count().label("number")).where(
            messages_out.c.session_id == session_id,
            messages_out.c.created_at >= since,
            messages_out.c.idempotency_key.startswith(AI_KEY, autoescape=True),
        )
        if address is not None:
            query = query.where(messages_out.c.recipient == address)
        return int(self._all(query)[0]["number"])

    def answered(self, session_id: str, wa_message_id: str) -> bool:
        """Whether this message has an AI reply."""
        query = sa.select(messages_out.c.seq).where(
            messages_out.c.session_id == session_id,
            messages_out.c.idempotency_key == f"{AI_KEY}{wa_message_id}",
        )
        return bool(self._all(query))

    def from_outbox(self, session_id: str, wa_message_ids: Collection[str]) -> frozenset[str]:
        """Which of these went through our outbox."""
        query = sa.select(messages_out.c.wa_message_id).where(
            messages_out.c.session_id == session_id, messages_out.c.wa_message_id.in_(wa_message_ids)
        )
        return frozenset(row["wa_message_id"] for row in self._all(query))

    def arrivals(self, session_id: str, since: datetime) -> list[Arrival]:
        """What came since then, oldest first."""
        query = (
            sa.select(messages_in.c.sender, messages_in.c.wa_message_id)
            .where(messages_in.c.session_id == session_id, messages_in.c.received_at >= since)
            .order_by(messages_in.c.seq)
        )
        return [Arrival(session_id, row["sender"], row["wa_message_id"]) for row in self._all(query)]

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with database_faults("reading the journal"), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()


def _came(row: sa.RowMapping) -> Line:
    author = Author.US if row["from_me"] else Author.THEM
    return Line(
        author, row["body"], row["received_at"], row["type"], row["sender_name"], row["wa_message_id"]
    )


def _went(row: sa.RowMapping) -> Line:
    key = row["idempotency_key"] or ""
    if key.startswith(AI_KEY):
        author = Author.AI
    else:
        author = Author.SERVICE if key.startswith(_SERVICE_KEY) else Author.US
    return Line(author, row["body"], row["created_at"], row["type"])
