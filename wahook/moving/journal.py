"""The journal, row by row, from one database to another: SQLite to PostgreSQL, or back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from actors.errors import JournalError
from wahook.journal.faults import database_faults
from wahook.journal.opening import OpenedJournal, open_journal
from wahook.journal.schema import metadata

BATCH = 500
Row = tuple[Any, ...]


def move_journal(source_url: str, target_url: str) -> dict[str, int]:
    """Copy every row and its number; rows by table. The source stays as it is, for nothing is deleted.

    The target's tables are made if need be and must be empty. All is one transaction there, and every row is
    read back and compared before it ends. Nobody may write to either meanwhile. Raises JournalError; then the
    target has no row of ours.
    """
    with open_journal(source_url) as source, open_journal(target_url) as target:
        if _identity(source) == _identity(target):
            raise JournalError("source and target are the same database")
        with (
            database_faults("moving the journal"),
            source.engines.read.connect() as reading,
            target.engines.write.begin() as writing,
        ):
            _refuse_rows(writing)
            return {table.name: _move(table, reading, writing) for table in metadata.sorted_tables}


def _identity(journal: OpenedJournal) -> tuple[object, ...]:
    url = journal.engines.write.url
    return url.get_backend_name(), url.host, url.port, url.database, tuple(sorted(url.query.items()))


def _refuse_rows(connection: sa.Connection) -> None:
    for table in metadata.sorted_tables:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise JournalError(f"the target has rows already ({table.name}): give an empty database")


def _move(table: sa.Table, reading: sa.Connection, writing: sa.Connection) -> int:
    names = [column.name for column in table.columns]
    count = 0
    for rows in _batches(table, reading):
        writing.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        count += len(rows)
    for sent, found in zip(_batches(table, reading), _batches(table, writing), strict=True):
        if sent != found:
            raise JournalError(f"{table.name}: what arrived differs from what was sent; nothing was kept")
    if "seq" in table.columns:
        _continue_numbers(table, _last_number(table, reading), writing)
    return count


def _batches(table: sa.Table, connection: sa.Connection) -> Iterator[Sequence[Row]]:
    """In the order of the key, from where the last batch ended: no cursor stays open."""
    (key,) = table.primary_key.columns
    place = list(table.columns).index(key)
    query = sa.select(table).order_by(key).limit(BATCH)
    rows = [tuple(row) for row in connection.execute(query)]
    while rows:
        yield rows
        rows = [tuple(row) for row in connection.execute(query.where(key > rows[-1][place]))]


def _last_number(table: sa.Table, connection: sa.Connection) -> int:
    """The highest number ever given, which may be that of a row that is gone."""
    highest = connection.execute(sa.select(sa.func.max(table.c.seq))).scalar() or 0
    if connection.dialect.name == "postgresql":
        name = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, "seq"))).scalar()
        query = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")  # noqa: S608
    elif table.dialect_options["sqlite"]["autoincrement"]:
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name").bindparams(name=table.name)
    else:
        return int(highest)
    return max(int(highest), int(connection.execute(query).scalar() or 0))


def _continue_numbers(table: sa.Table, last: int, connection: sa.Connection) -> None:
    """The databases' own counters know nothing of numbers that were given, nor of rows that are gone."""
    if last == 0:
        return
    if connection.dialect.name == "postgresql":
        sequence = sa.func.pg_get_serial_sequence(table.name, "seq")
        connection.execute(sa.select(sa.func.setval(sequence, last)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        of_table = {"name": table.name, "last": last}
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), of_table)
        connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), of_table)
