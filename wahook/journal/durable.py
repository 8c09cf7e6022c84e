"""Operations on what waits to be delivered elsewhere, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from actors.durable import (
    AddDeliveries,
    AddMail,
    AddMirrorChanges,
    Delivery,
    EndDelivery,
    EndMail,
    EndMirrorChanges,
    Mail,
    MirrorChange,
    Prune,
    ReplayDelivery,
    ReplayMail,
    RetryMirrorChanges,
    SetAsideMirrorChanges,
    TaskState,
)
from actors.errors import RuleBroken
from wahook.journal.schema import deliveries, mails, mirror_changes
from wahook.journal.text import storable

Row = Mapping[str, Any] | sa.RowMapping


def add_deliveries(
    connection: sa.Connection, operation: AddDeliveries, now: datetime
) -> tuple[Delivery, ...]:
    """Insert those that are new by their id."""
    offered = {one.id: one for one in reversed(operation.deliveries)}
    known = sa.select(deliveries.c.id).where(deliveries.c.id.in_(list(offered)))
    there = set(connection.execute(known).scalars())
    values = [
        _task(one, now) for one in operation.deliveries if offered.get(one.id) is one and one.id not in there
    ]
    if not values:
        return ()
    insert = sa.insert(deliveries).returning(deliveries.c.seq, sort_by_parameter_order=True)
    numbers = connection.execute(insert, values).scalars()
    return tuple(delivery(one | {"seq": seq}) for one, seq in zip(values, numbers, strict=True))


def end_delivery(connection: sa.Connection, operation: EndDelivery, now: datetime) -> Delivery | None:
    """Write an attempt's outcome."""
    values = _outcome(deliveries, operation.state, operation.next_at or now, operation.error)
    if not operation.spent:
        del values["attempts"]
    _end(connection, deliveries, operation.id, values | {"last_status": operation.status})
    row = _find(connection, deliveries, operation.id)
    return None if row is None else delivery(row)


def replay_delivery(connection: sa.Connection, operation: ReplayDelivery, now: datetime) -> Delivery | None:
    """Back from the dead."""
    row = _find(connection, deliveries, operation.id)
    if row is None:
        return None
    if row["state"] != TaskState.DEAD:
        raise RuleBroken("wrong_state", f"a delivery that is {row['state']} cannot be replayed")
    again: dict[str, Any] = {"state": TaskState.PENDING.value, "attempts": 0, "next_at": now}
    again["give_up_at"] = operation.give_up_at
    connection.execute(sa.update(deliveries).where(deliveries.c.id == operation.id).values(again))
    return delivery({str(name): value for name, value in row.items()} | again)


def add_mail(connection: sa.Connection, operation: AddMail, now: datetime) -> Mail:
    """Insert it unless its id is there."""
    row = _find(connection, mails, operation.mail.id)
    if row is not None:
        return mail(row)
    values = _task(operation.mail, now)
    connection.execute(sa.insert(mails), values)
    return mail(values)


def end_mail(connection: sa.Connection, operation: EndMail, now: datetime) -> Mail | None:
    """Write an attempt's outcome."""
    values = _outcome(mails, operation.state, operation.next_at or now, operation.error)
    _end(connection, mails, operation.id, values)
    row = _find(connection, mails, operation.id)
    return None if row is None else mail(row)


def replay_mail(connection: sa.Connection, operation: ReplayMail, now: datetime) -> Mail | None:
    """Back from the dead, as if it were new: what is a day old would be given up at once."""
    row = _find(connection, mails, operation.id)
    if row is None:
        return None
    if row["state"] != TaskState.DEAD:
        raise RuleBroken("wrong_state", f"a mail that is {row['state']} cannot be replayed")
    again: dict[str, Any] = {"state": TaskState.PENDING.value, "attempts": 0, "next_at": now}
    again["created_at"] = now
    connection.execute(sa.update(mails).where(mails.c.id == operation.id).values(again))
    return mail({str(name): value for name, value in row.items()} | again)


def add_changes(
    connection: sa.Connection, operation: AddMirrorChanges, now: datetime
) -> tuple[MirrorChange, ...]:
    """Append one by one: their numbers are their order."""
    insert = sa.insert(mirror_changes).returning(mirror_changes)
    added = []
    for one in operation.changes:
        values = {"kind": one.kind, "key": one.key, "payload": one.payload, "created_at": now, "done": False}
        added.append(mirror_change(connection.execute(insert, values).mappings().one()))
    return tuple(added)


def end_changes(connection: sa.Connection, operation: EndMirrorChanges, _: datetime) -> int:
    """Remove them: nobody asks for what the mirror has."""
    these = mirror_changes.c.seq.in_(operation.seqs)
    return connection.execute(sa.delete(mirror_changes).where(these)).rowcount


def set_aside(connection: sa.Connection, operation: SetAsideMirrorChanges, _: datetime) -> int:
    """Let the rest pass."""
    these = mirror_changes.c.seq.in_(operation.seqs), mirror_changes.c.error.is_(None)
    error = storable(operation.error)
    return connection.execute(sa.update(mirror_changes).where(*these).values(error=error)).rowcount


def retry_changes(connection: sa.Connection, _operation: RetryMirrorChanges, _: datetime) -> int:
    """Another chance for all."""
    aside = mirror_changes.c.error.is_not(None)
    return connection.execute(sa.update(mirror_changes).where(aside).values(error=None)).rowcount


def prune(connection: sa.Connection, operation: Prune, _: datetime) -> int:
    """Remove what is done and old. (Of the mirror only copies that are complete are kept, and must be.)"""
    done = (
        (deliveries, deliveries.c.state == TaskState.DONE.value),
        (mails, mails.c.state == TaskState.DONE.value),
    )
    return sum(
        connection.execute(sa.delete(table).where(over, table.c.created_at < operation.before)).rowcount
        for table, over in done
    )


def delivery(row: Row) -> Delivery:
    """A delivery from its columns."""
    values = {str(name): value for name, value in row.items()}
    return Delivery(**values | {"state": TaskState(values["state"]), "body": bytes(values["body"])})


def mail(row: Row) -> Mail:
    """A mail from its columns."""
    values = {str(name): value for name, value in row.items()}
    return Mail(**values | {"state": TaskState(values["state"])})


def mirror_change(row: Row) -> MirrorChange:
    """A change from its columns."""
    return MirrorChange(**{str(name): value for name, value in row.items() if name != "done"})


def _task(task: Delivery | Mail, now: datetime) -> dict[str, Any]:
    values = {field.name: getattr(task, field.name) for field in fields(task) if field.name != "seq"}
    return values | {"state": task.state.value, "next_at": task.next_at or now, "created_at": now}


def _outcome(table: sa.Table, state: TaskState, next_at: datetime, error: str | None) -> dict[str, Any]:
    return {
        "state": state.value,
        "next_at": next_at,
        "last_error": None if error is None else storable(error),
        "attempts": table.c.attempts + 1,
    }


def _end(connection: sa.Connection, table: sa.Table, task_id: str, values: dict[str, Any]) -> None:
    pending = table.c.id == task_id, table.c.state == TaskState.PENDING.value
    connection.execute(sa.update(table).where(*pending).values(values))


def _find(connection: sa.Connection, table: sa.Table, task_id: str) -> sa.RowMapping | None:
    return connection.execute(sa.select(table).where(table.c.id == task_id)).mappings().first()
