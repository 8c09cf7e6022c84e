"""Bring a database to the schema that this version of the service knows, in one transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
import structlog

from actors.errors import JournalError

HEAD = "0006"
VERSION_TABLE = "wahook_schema"  # not Alembic's own name: a shared database may have somebody else's there
_ADVISORY_LOCK = 0x7761686F6F6B  # "wahook"

_log = structlog.get_logger(__name__)


def bring_up_to_date(engine: sa.Engine) -> None:
    """Create or migrate the tables; does nothing when they are current.

    Raises JournalError for a schema of a newer version, and SQLAlchemy's errors when the database fails;
    then nothing was changed.
    """
    with engine.begin() as connection:
        if version(connection) == HEAD:
            return
        if connection.dialect.name == "postgresql":  # SQLite: the transaction has the lock already
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            connection.exec_driver_sql(
                "SET LOCAL statement_timeout=0"
            )  # rewriting a large table takes its time
        _upgrade(connection)


def version(connection: sa.Connection) -> str | None:
    """The schema's revision, None in a database without our tables."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return str(found)


def _upgrade(connection: sa.Connection) -> None:
    # Imported only when there is something to do: it costs memory for the life of the process.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    before = version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise JournalError(
            f"the database has schema {before}, made by a newer wahook; this one knows {HEAD}: "
            "run the newer version, or restore a copy from before its first start"
        )
    command.upgrade(config, "head")
    _log.info("journal.migrated", before=before, after=HEAD)
