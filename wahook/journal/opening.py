"""Open the journal: engines, schema, and the two sides of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from actors.errors import JournalError
from actors.ports import Calendar
from wahook.journal.consequences import Consequences
from wahook.journal.engines import Engines, make_engines
from wahook.journal.faults import database_faults
from wahook.journal.migrate import bring_up_to_date
from wahook.journal.mirroring import MirrorPolicy
from wahook.journal.queues import QueueReader
from wahook.journal.reader import JournalReader
from wahook.journal.sql_journal import SqlJournal


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OpenedJournal:
    """`writer` is for the journal writer alone, `reader` and `queues` for everybody. Leaving the context
    closes all."""

    writer: SqlJournal
    reader: JournalReader
    queues: QueueReader
    engines: Engines

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self.engines.dispose()

    def damage(self) -> list[str]:
        """What SQLite's own check finds; empty when all is sound. Reads the whole file: for doctors."""
        return damage_in(self.engines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def damage_in(engines: Engines) -> list[str]:
    """As `OpenedJournal.damage`, of a database that was not opened as a journal."""
    if engines.read.dialect.name != "sqlite":
        return []
    with database_faults("checking the journal"), engines.read.connect() as connection:
        found = [str(line) for line in connection.execute(sa.text("PRAGMA integrity_check(20)")).scalars()]
    return [] if found == ["ok"] else found


def open_journal(
    url: str,
    *,
    calendar: Calendar = utc_now,
    deadline: float = 5.0,
    consequences: Consequences | None = None,
    mirror: MirrorPolicy | None = None,
) -> OpenedJournal:
    """Open the journal at an SQLAlchemy URL (sqlite:///file, postgresql://…), made or migrated as needed.

    `deadline`: seconds that a lock, a connection or a statement may take. Blocks while it migrates. Raises
    JournalError, with what to do, when the database cannot be reached, is damaged, locked, or of a newer
    version.
    """
    engines = make_engines(url, deadline)
    with _disposing(engines):
        bring_up_to_date(engines.write)
    return OpenedJournal(
        SqlJournal(engines.write, calendar, consequences, mirror),
        JournalReader(engines.read),
        QueueReader(engines.read),
        engines,
    )


@contextmanager
def _disposing(engines: Engines) -> Iterator[None]:
    try:
        with database_faults("opening the journal"):
            yield
    except JournalError:
        engines.dispose()
        raise
