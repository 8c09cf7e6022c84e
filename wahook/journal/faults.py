"""From the database's errors to ours, without a row's content in any text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from actors.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADVICE: Sequence[tuple[str, str]] = (
    ("is locked", "another process holds its lock: is a second service running on the same data?"),
    ("not a database", "the file is not a SQLite database: move it away or restore a copy"),
    (
        "malformed",
        "the file is damaged: stop the service and restore a copy, or recover it with sqlite3's .recover",
    ),
    ("unable to open", "the file cannot be opened: check that the directory exists and may be written"),
    ("readonly", "the file may not be written: check its owner and its permissions"),
    ("disk is full", "the disk is full"),
    ("disk I/O error", "the disk reports an error"),
    ("password authentication", "user or password is wrong"),
    ("does not exist", "the server has no such database, role or table"),
    ("onnection refused", "nobody listens there: is the server running?"),
    ("resolve host", "the server's name cannot be resolved"),
    ("lock timeout", "another connection held a lock for too long"),
    ("timeout", "it did not answer in time"),
)


@contextmanager
def database_faults(doing: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises inside into a JournalError that says what to do."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise JournalError(f"{doing}: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """One line for people: what is wrong and what to do, never a statement's values."""
    origin = getattr(error, "orig", None) or error
    text = str(origin)
    for sign, advice in _ADVICE:
        if sign in text:
            return advice
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return f"{type(origin).__name__} {code or ''}".strip()


def is_value_fault(error: BaseException) -> bool:
    """Whether one operation's values are to blame, so that the rest of its batch is sound."""
    match error:
        case sa.exc.DBAPIError():
            return isinstance(error, sa.exc.IntegrityError | sa.exc.DataError)
        case sa.exc.StatementError():  # a column type refused it before the database saw it
            return isinstance(error.orig, ValueError | TypeError)
        case _:  # the driver refused it: too large a number, half a surrogate pair
            return isinstance(error, OverflowError | UnicodeError)
