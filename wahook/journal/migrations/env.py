"""Run by Alembic: on the connection of `open_journal`, or from the command line on DATABASE_URL."""

from __future__ import annotations

from alembic import context

from wahook.journal.engines import make_engines
from wahook.journal.migrate import VERSION_TABLE
from wahook.journal.schema import metadata
from wahook.settings import Settings

given = context.config.attributes.get("connection")


def run() -> None:
    """Bring the database of the context to the wanted revision."""
    if given is not None:
        _run_on(given)
        return
    engines = make_engines(Settings().database, 30)
    with engines.write.begin() as connection:
        _run_on(connection)


def _run_on(connection: object) -> None:
    context.configure(
        connection=connection,  # type: ignore[arg-type]
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
        transactional_ddl=True,
    )
    context.run_migrations()


run()
