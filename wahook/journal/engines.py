"""How the journal talks to SQLite and to PostgreSQL: every wait bounded, every commit on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from actors.errors import JournalError

SQLITE_ONLY = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # a commit that was answered survives a power cut
    "fullfsync": "ON",  # where a plain fsync does not reach the platter
    "foreign_keys": "ON",
    "trusted_schema": "OFF",
    "journal_size_limit": str(64 * 1024 * 1024),
}


@dataclass(frozen=True, slots=True)
class Engines:
    """`write` has one connection and takes the write lock at once; `read` has several that cannot write."""

    write: sa.Engine
    read: sa.Engine

    def dispose(self) -> None:
        """Close all connections that are not in use."""
        self.read.dispose()
        self.write.dispose()


def make_engines(url: str, deadline: float) -> Engines:
    """Engines for an SQLAlchemy URL; connects nowhere yet.

    `deadline`: seconds that a lock, a connection or a statement may take. Raises JournalError for a URL that
    is none of ours.
    """
    parsed = _parsed(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, deadline)
        case "postgresql":
            return _postgresql(parsed, deadline)
        case other:
            raise JournalError(f"DATABASE_URL: {other} is not supported; use sqlite:/// or postgresql://")


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:  # its text would show a password
        raise JournalError(
            "DATABASE_URL is not a URL such as sqlite:///file or postgresql://host/name"
        ) from None
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _sqlite(url: sa.URL, deadline: float) -> Engines:
    if not url.database or url.database == ":memory:":
        raise JournalError("DATABASE_URL: the journal needs a file: sqlite:////path/to/wahook.db")
    _make_private(Path(url.database))
    connect = {"timeout": deadline, "isolation_level": None, "check_same_thread": False}
    write = sa.create_engine(url, connect_args=connect, hide_parameters=True, **_pool(1, deadline))
    read = sa.create_engine(url, connect_args=connect, hide_parameters=True, **_pool(4, deadline))
    _on_connect(write, [f"PRAGMA {name}={value}" for name, value in SQLITE_ONLY.items()])
    _on_connect(read, ["PRAGMA query_only=ON", "PRAGMA trusted_schema=OFF"])
    _on_begin(write, "BEGIN IMMEDIATE")  # take the lock first: no upgrade from reading can then fail
    _on_begin(read, "BEGIN")
    return Engines(write, read)


def _postgresql(url: sa.URL, deadline: float) -> Engines:
    milliseconds = int(deadline * 1000)
    common: dict[str, Any] = {
        "hide_parameters": True,
        "pool_pre_ping": True,
        "connect_args": {
            "connect_timeout": max(2, int(deadline)),
            "application_name": "wahook",
            "keepalives_idle": 10,
            "tcp_user_timeout": milliseconds,
        },
    }
    try:
        write = sa.create_engine(url, **common, **_pool(1, deadline))
        read = sa.create_engine(url, isolation_level="REPEATABLE READ", **common, **_pool(4, deadline))
    except ModuleNotFoundError as error:
        raise JournalError(
            f"PostgreSQL needs a driver ({error.name}): pip install 'wahook[postgres]'"
        ) from None
    bounds = [f"SET lock_timeout={milliseconds}", f"SET statement_timeout={2 * milliseconds}"]
    _on_connect(write, [*bounds, "SET synchronous_commit=on"])
    _on_connect(read, [*bounds, "SET default_transaction_read_only=on"])
    return Engines(write, read)


def _pool(size: int, deadline: float) -> dict[str, Any]:
    return {
        "poolclass": QueuePool,
        "pool_size": size,
        "max_overflow": 0 if size == 1 else size,
        "pool_timeout": deadline,
        "pool_use_lifo": True,
    }


def _on_connect(engine: sa.Engine, statements: list[str]) -> None:
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    sa.event.listen(engine, "connect", prepare)


def _on_begin(engine: sa.Engine, statement: str) -> None:
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(statement))


def _make_private(path: Path) -> None:
    """Messages are private: only our user reads the file. SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise JournalError(f"cannot open {path}: {error.strerror}") from error
