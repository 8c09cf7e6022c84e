"""Operations on sessions' rows, inside the writer's transaction."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from actors.durable import TaskState
from actors.errors import RuleBroken
from actors.messages import AccountChanges, DeleteAccount, SaveAccount, Unset, UpdateAccount
from actors.model import Account, SessionConfig
from wahook.journal import rows
from wahook.journal.schema import accounts, mails
from wahook.journal.text import storable


def save(connection: sa.Connection, operation: SaveAccount, now: datetime) -> tuple[Account, bool]:
    """Create the row if there is none.

    RuleBroken("session_taken") when the id belongs to another user's account: ids are joined texts, so
    different pairs can make the same one.
    """
    wanted = operation.account
    stored = find(connection, wanted.session_id)
    if stored is None:
        values = rows.account_values(wanted, now)
        connection.execute(sa.insert(accounts), values)
        return rows.account(values), True
    if (stored.user_id, stored.account_id) != (wanted.user_id, wanted.account_id):
        raise RuleBroken("session_taken", f"{wanted.session_id} belongs to another account")
    return stored, False


def update(connection: sa.Connection, operation: UpdateAccount) -> Account | None:
    """Change the named columns."""
    values = _values(operation.changes)
    if values:
        here = accounts.c.session_id == operation.session_id
        connection.execute(sa.update(accounts).where(here).values(values))
    return find(connection, operation.session_id)


def delete(connection: sa.Connection, operation: DeleteAccount) -> bool:
    """Remove the row; the database removes what belongs to it. Of its mails only what is on its way stays."""
    about_it = mails.c.session_id == operation.session_id
    connection.execute(sa.delete(mails).where(about_it, mails.c.state != TaskState.PENDING.value))
    here = accounts.c.session_id == operation.session_id
    return connection.execute(sa.delete(accounts).where(here)).rowcount > 0


def find(connection: sa.Connection, session_id: str) -> Account | None:
    """One session's row."""
    query = sa.select(accounts).where(accounts.c.session_id == session_id).with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else rows.account(row)


def _values(changes: AccountChanges) -> dict[str, Any]:
    named = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: _stored(value) for name, value in named.items() if not isinstance(value, Unset)}


def _stored(value: object) -> object:
    match value:
        case SessionConfig():
            return rows.config_json(value)
        case str():
            return storable(value)  # names and errors as the page tells them
        case _:
            return value
