"""Copying what a mirror does not have because it was set up later, inside the writer's transaction.

One row of `mirror_changes` stands for the copy: its payload has, for each table, the number of the last
message that was noted and of the last that is to be. It is as durable as the rest: a restart goes on where it
was. Once complete it stays, `done`, and says that this mirror has everything.
"""

from __future__ import annotations

from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

import sqlalchemy as sa

from actors.durable import COPY, BeginCopy, ForgetCopies, GoOnCopying, MessageName
from actors.model import Account, Direction
from wahook.journal import rows
from wahook.journal.schema import accounts, messages_in, messages_out, mirror_changes

_COPIES = mirror_changes.c.kind == COPY
_SOURCES = {
    Direction.IN: (messages_in, messages_in.c.received_at),
    Direction.OUT: (messages_out, messages_out.c.created_at),
}


def begin(connection: sa.Connection, operation: BeginCopy, now: datetime) -> tuple[Account, ...] | None:
    """Note that everything up to now is to be copied."""
    same = sa.select(mirror_changes.c.seq).where(_COPIES, mirror_changes.c.key == operation.place)
    if not operation.again and connection.execute(same).first() is not None:
        return None
    connection.execute(sa.delete(mirror_changes).where(_COPIES))  # another mirror's
    bounds = {direction.value: [0, _last(connection, direction)] for direction in Direction}
    values = {"kind": COPY, "key": operation.place, "payload": bounds, "created_at": now, "done": False}
    connection.execute(sa.insert(mirror_changes).values(values))
    known = sa.select(accounts).where(accounts.c.connected_at.is_not(None)).order_by(accounts.c.created_at)
    return tuple(rows.account(row) for row in connection.execute(known).mappings())


def go_on(connection: sa.Connection, operation: GoOnCopying, _: datetime) -> tuple[MessageName, ...]:
    """The next messages in the order in which they were journaled."""
    this = _COPIES, mirror_changes.c.seq == operation.seq, mirror_changes.c.done.is_(False)
    payload = connection.execute(sa.select(mirror_changes.c.payload).where(*this)).scalar()
    if payload is None:
        return ()
    found = [_next(connection, one, payload[one.value], operation.limit) for one in Direction]
    chosen = list(islice(merge(*found, key=lambda row: row["at"]), operation.limit))
    after = {
        one.value: [
            max((row["seq"] for row in chosen if row["direction"] is one), default=payload[one.value][0]),
            payload[one.value][1],
        ]
        for one in Direction
    }
    changed = sa.update(mirror_changes).where(mirror_changes.c.seq == operation.seq)
    connection.execute(changed.values(payload=after, done=not chosen))
    return tuple(MessageName(row["session_id"], row["direction"].value, row["name"]) for row in chosen)


def forget(connection: sa.Connection, _operation: ForgetCopies, _: datetime) -> int:
    """Whoever mirrors next begins at the beginning."""
    return connection.execute(sa.delete(mirror_changes).where(_COPIES)).rowcount


def _last(connection: sa.Connection, direction: Direction) -> int:
    table, _ = _SOURCES[direction]
    return connection.execute(sa.select(sa.func.max(table.c.seq))).scalar() or 0


def _next(
    connection: sa.Connection, direction: Direction, bounds: list[int], limit: int
) -> list[dict[str, Any]]:
    table, at = _SOURCES[direction]
    after, last = bounds
    columns = table.c.seq, table.c.session_id, table.c.wa_message_id.label("name"), at.label("at")
    query = sa.select(*columns).where(table.c.seq > after, table.c.seq <= last)
    found = connection.execute(query.order_by(table.c.seq).limit(limit)).mappings()
    return [{**row, "direction": direction} for row in found]
