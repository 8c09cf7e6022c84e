"""What waits to be delivered elsewhere, read by any thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from actors.durable import COPY, Delivery, Mail, MirrorChange, TaskState
from wahook.journal.durable import delivery, mail, mirror_change
from wahook.journal.faults import database_faults
from wahook.journal.schema import PENDING, deliveries, mails, mirror_changes

T = TypeVar("T")


class QueueReader:
    """Blocking, each call within the database's deadline; JournalError when it fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def due_mails(self, now: datetime, limit: int = 100) -> list[Mail]:
        """Pending ones whose time has come, in the order in which they were added."""
        due = mails.c.state == TaskState.PENDING.value, mails.c.next_at <= now
        return self._read(sa.select(mails).where(*due).order_by(mails.c.seq).limit(limit), mail)

    def mails_since(self, since: datetime) -> list[Mail]:
        """Those that were added since then, sent or not, in the order in which they were added."""
        return self._read(sa.select(mails).where(mails.c.created_at >= since).order_by(mails.c.seq), mail)

    def last_mails(self) -> list[Mail]:
        """The newest of each session, sent or not."""
        newest = sa.select(sa.func.max(mails.c.seq)).where(mails.c.session_id.is_not(None))
        return self._read(sa.select(mails).where(mails.c.seq.in_(newest.group_by(mails.c.session_id))), mail)

    def mail(self, mail_id: str) -> Mail | None:
        """One of them."""
        found = self._read(sa.select(mails).where(mails.c.id == mail_id), mail)
        return found[0] if found else None

    def mails(
        self,
        state: TaskState | None = None,
        session_id: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[Mail]:
        """Mails (in a state, about a session), newest first. `before`: a `seq`."""
        its = sa.select(mails)
        if state is not None:
            its = its.where(mails.c.state == state.value)
        if session_id is not None:
            its = its.where(mails.c.session_id == session_id)
        if before is not None:
            its = its.where(mails.c.seq < before)
        return self._read(its.order_by(mails.c.seq.desc()).limit(limit), mail)

    def unfinished(self) -> dict[str, dict[TaskState, int]]:
        """How many are pending and how many dead, of `deliveries` and of `mails`."""
        states = TaskState.PENDING, TaskState.DEAD
        return {table.name: self._counted(table, states) for table in (deliveries, mails)}

    def _counted(self, table: sa.Table, states: Sequence[TaskState]) -> dict[TaskState, int]:
        number = sa.func.count().label("number")
        counts = sa.select(table.c.state, number).where(table.c.state.in_([one.value for one in states]))
        found = dict(
            self._read(counts.group_by(table.c.state), lambda row: (TaskState(row["state"]), row["number"]))
        )
        return {state: found.get(state, 0) for state in states}

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One of them."""
        found = self._read(sa.select(deliveries).where(deliveries.c.id == delivery_id), delivery)
        return found[0] if found else None

    def deliveries(
        self, session_id: str, state: TaskState | None, limit: int = 100, before: int | None = None
    ) -> list[Delivery]:
        """A session's deliveries (in a state), newest first: the dead letters, say. `before`: a `seq`."""
        its = sa.select(deliveries).where(deliveries.c.session_id == session_id)
        if state is not None:
            its = its.where(deliveries.c.state == state.value)
        if before is not None:
            its = its.where(deliveries.c.seq < before)
        return self._read(its.order_by(deliveries.c.seq.desc()).limit(limit), delivery)

    def oldest_dead(self, session_id: str, limit: int) -> list[Delivery]:
        """A session's dead letters, in the order in which they were added."""
        its = deliveries.c.session_id == session_id, deliveries.c.state == TaskState.DEAD.value
        return self._read(sa.select(deliveries).where(*its).order_by(deliveries.c.seq).limit(limit), delivery)

    def pending_deliveries(self, receiver: str, after: int = 0, limit: int = 100) -> list[Delivery]:
        """A receiver's pending ones, due or not, in the order in which they were added, after a `seq`."""
        its = sa.text(PENDING), deliveries.c.receiver == receiver, deliveries.c.seq > after
        return self._read(sa.select(deliveries).where(*its).order_by(deliveries.c.seq).limit(limit), delivery)

    def receivers(self) -> list[str]:
        """Those for whom something is pending."""
        waiting = sa.select(deliveries.c.receiver).where(sa.text(PENDING)).distinct()
        return self._read(waiting, lambda row: str(row["receiver"]))

    def open_changes(self, limit: int = 500) -> list[MirrorChange]:
        """What the mirror does not have yet, in order."""
        return self._changes(mirror_changes.c.error.is_(None), limit)

    def set_aside_changes(self, limit: int = 500, after: int = 0) -> list[MirrorChange]:
        """What the mirror refused, in order. `after`: a `seq`."""
        return self._changes(
            sa.and_(mirror_changes.c.error.is_not(None), mirror_changes.c.seq > after), limit
        )

    def copied(self) -> bool:
        """Whether a mirror was given what was there before it, or is being given it."""
        copies = sa.select(mirror_changes.c.seq).where(mirror_changes.c.kind == COPY).limit(1)
        return bool(self._read(copies, lambda row: row["seq"]))

    def count_changes(self) -> tuple[int, int]:
        """How many changes are open, and how many set aside."""
        number, aside = sa.func.count().label("number"), sa.func.count(mirror_changes.c.error).label("aside")
        columns: tuple[Any, ...] = (number, aside)
        still = sa.select(*columns).where(mirror_changes.c.done.is_(False))
        (counted,) = self._read(still, lambda row: (int(row["number"]), int(row["aside"])))
        return counted[0] - counted[1], counted[1]

    def _changes(self, which: sa.ColumnElement[bool], limit: int) -> list[MirrorChange]:
        still = sa.select(mirror_changes).where(mirror_changes.c.done.is_(False), which)
        return self._read(still.order_by(mirror_changes.c.seq).limit(limit), mirror_change)

    def _read(self, query: sa.Select[Any], make: Callable[[sa.RowMapping], T]) -> list[T]:
        with database_faults("reading the journal"), self._engine.connect() as connection:
            rows: Sequence[sa.RowMapping] = connection.execute(query).mappings().all()
        return [make(row) for row in rows]
