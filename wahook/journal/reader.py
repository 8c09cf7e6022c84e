"""What the journal knows, read straight from the database by any thread; never waits for the writer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from actors.errors import RuleBroken
from actors.model import Account, CaughtUp, Direction, MessageStatus, OutgoingMessage, Priority
from actors.ports import WINDOW
from wahook.journal import cursors, rows
from wahook.journal.cursors import Place
from wahook.journal.faults import database_faults
from wahook.journal.schema import NEEDS_WORK, accounts, messages_in, messages_out
from wahook.journal.stored import MessagePage, Received

T = TypeVar("T")
Entry = tuple[Place, OutgoingMessage | Received]

MAX_PAGE = 1000
MOST_AHEAD = 10_000
_UNDONE = sa.text(f"{NEEDS_WORK} AND status <> 'failed'")


class JournalReader:
    """Blocking, each call within the database's deadline and in one snapshot; JournalError when it fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # -- sessions ---------------------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        """All sessions, oldest first."""
        found = self._all(sa.select(accounts).order_by(accounts.c.created_at, accounts.c.session_id))
        return [rows.account(row) for row in found]

    def account(self, session_id: str) -> Account | None:
        """One session; None if there is none."""
        return self._one(sa.select(accounts).where(accounts.c.session_id == session_id), rows.account)

    # -- messages ---------------------------------------------------------------------------------------

    def message(self, message_id: str) -> OutgoingMessage | None:
        """An outgoing message by our id."""
        return self._one(
            sa.select(messages_out).where(messages_out.c.message_id == message_id), rows.outgoing
        )

    def message_by_wa(self, session_id: str, wa_message_id: str) -> OutgoingMessage | None:
        """An outgoing message by its WhatsApp id."""
        return self._one(_by_wa(messages_out, session_id, wa_message_id), rows.outgoing)

    def message_by_key(self, session_id: str, key: str) -> OutgoingMessage | None:
        """The outgoing message that was accepted under an idempotency key, however long ago."""
        query = sa.select(messages_out).where(
            messages_out.c.session_id == session_id, messages_out.c.idempotency_key == key
        )
        return self._one(query, rows.outgoing)

    def received(self, session_id: str, wa_message_id: str) -> Received | None:
        """An incoming message by its WhatsApp id."""
        return self._one(_by_wa(messages_in, session_id, wa_message_id), rows.incoming)

    def page(
        self, session_id: str, direction: Direction | None = None, limit: int = 50, cursor: str | None = None
    ) -> MessagePage:
        """Messages of both directions (or one), newest first by when they were journaled.

        `limit` is 1 to 1000. RuleBroken: "bad_cursor", "bad_limit". An unknown session has an empty page.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise RuleBroken("bad_limit", f"limit must be 1 to {MAX_PAGE}")
        after = None if cursor is None else cursors.decode(cursor)
        with database_faults("reading messages"), self._engine.connect() as connection:
            found: list[Entry] = []
            for one in (direction,) if direction else Direction:
                query = _newest(one, session_id, after).limit(limit + 1)
                found.extend(_entry(one, row) for row in connection.execute(query).mappings())
        found.sort(key=lambda entry: entry[0], reverse=True)
        page = found[:limit]
        return MessagePage(
            [message for _, message in page], page[-1][0].encode() if len(found) > limit else None
        )

    def undone(self, session_id: str | None = None, window: int = WINDOW) -> list[OutgoingMessage]:
        """What is queued, scheduled or being sent, in the order of acceptance.

        Of one session only what its lane may need: all that has begun, and of each priority the first
        `window` + 1 of those that go by their acceptance, and of those that go by a date.
        """
        query = sa.select(messages_out).order_by(messages_out.c.seq)
        within = _UNDONE if session_id is None else messages_out.c.seq.in_(_first(session_id, window))
        return [rows.outgoing(row) for row in self._all(query.where(within))]

    def ahead(self, message: OutgoingMessage, but: Collection[str] = ()) -> int:
        """How many queued messages of its session, `but` these, go before this one; 10,000 at most."""
        table = messages_out.c
        own = sa.select(table.seq).where(table.message_id == message.message_id).scalar_subquery()
        higher = list(Priority)[: list(Priority).index(message.priority)]
        before = sa.select(table.seq).where(
            table.session_id == message.session_id,
            table.status == MessageStatus.QUEUED,
            table.message_id.not_in(but),
            sa.or_(table.priority.in_(higher), sa.and_(table.priority == message.priority, table.seq < own)),
        )
        counted = sa.select(sa.func.count().label("number"))
        return int(self._all(counted.select_from(before.limit(MOST_AHEAD).subquery()))[0]["number"])

    def batch(self, session_id: str, batch_id: str) -> list[OutgoingMessage]:
        """The messages of one bulk send, in the order of acceptance."""
        query = sa.select(messages_out).where(
            messages_out.c.batch_id == batch_id, messages_out.c.session_id == session_id
        )
        return [rows.outgoing(row) for row in self._all(query.order_by(messages_out.c.seq))]

    def counts(self) -> dict[str, dict[MessageStatus, int]]:
        """By session, how many messages are queued, scheduled, being sent, or failed; no zeros."""
        columns = messages_out.c.session_id, messages_out.c.status
        query = (
            sa.select(*columns, sa.func.count().label("number")).where(sa.text(NEEDS_WORK)).group_by(*columns)
        )
        counted: dict[str, dict[MessageStatus, int]] = {}
        for row in self._all(query):
            counted.setdefault(row["session_id"], {})[MessageStatus(row["status"])] = row["number"]
        return counted

    def caught_up(self, session_id: str) -> CaughtUp:
        """How far it has what arrived."""
        stamps = sa.select(sa.func.max(messages_in.c.timestamp)).where(messages_in.c.session_id == session_id)
        newest = sa.func.coalesce(stamps.scalar_subquery(), 0).label("newest")
        query = sa.select(newest, accounts.c.missed_since, accounts.c.phone_number)
        found = self._one(query.where(accounts.c.session_id == session_id), lambda row: CaughtUp(**row))
        return found or CaughtUp()

    def last_activity(self, session_id: str) -> datetime | None:
        """When the service journaled the session's newest message, in or out; None without any."""
        newest = [
            sa.select(sa.func.max(at).label("newest")).where(table.c.session_id == session_id)
            for table, at in _SOURCES.values()
        ]
        moments = [row["newest"] for query in newest for row in self._all(query)]
        return max((moment for moment in moments if moment is not None), default=None)

    # -- the database -----------------------------------------------------------------------------------

    def ping(self) -> None:
        """Prove that the database answers. Raises JournalError."""
        self._all(sa.select(1))

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with database_faults("reading the journal"), self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _one(self, query: sa.Select[Any], make: Callable[[sa.RowMapping], T]) -> T | None:
        found = self._all(query)
        return make(found[0]) if found else None


def _first(session_id: str, window: int) -> sa.Select[Any]:
    """The `seq` of what its lane may need, in one pass over the session's part of the index of work."""
    table = messages_out.c
    date = sa.case((table.send_at > table.created_at, table.send_at))
    kind = table.priority, date.is_(None)
    place = sa.func.row_number().over(partition_by=kind, order_by=(date, table.seq)).label("place")
    undone = (
        sa.select(table.seq, table.attempts, place).where(_UNDONE, table.session_id == session_id).subquery()
    )
    return sa.select(undone.c.seq).where(sa.or_(undone.c.place <= window + 1, undone.c.attempts > 0))


def _by_wa(table: sa.Table, session_id: str, wa_message_id: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.session_id == session_id, table.c.wa_message_id == wa_message_id)


def _newest(direction: Direction, session_id: str, after: Place | None) -> sa.Select[Any]:
    table, at = _SOURCES[direction]
    query = sa.select(table).where(table.c.session_id == session_id).order_by(at.desc(), table.c.seq.desc())
    if after is None:
        return query
    if direction is after.direction:
        return query.where(sa.tuple_(at, table.c.seq) < sa.tuple_(sa.literal(after.at, at.type), after.seq))
    return query.where(at <= after.at if direction < after.direction else at < after.at)


def _entry(direction: Direction, row: sa.RowMapping) -> Entry:
    _, at = _SOURCES[direction]
    make: Callable[[sa.RowMapping], OutgoingMessage | Received] = (
        rows.incoming if direction is Direction.IN else rows.outgoing
    )
    return Place(row[at.name], direction, row["seq"]), make(row)


_SOURCES: dict[Direction, tuple[sa.Table, sa.Column[datetime]]] = {
    Direction.IN: (messages_in, messages_in.c.received_at),
    Direction.OUT: (messages_out, messages_out.c.created_at),
}
