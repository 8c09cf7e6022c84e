"""Opening: from nothing, again, by many at once; and every way in which it cannot be done."""

import sqlite3
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from actors.errors import JournalError
from actors.messages import AcceptMessage, RecordIncoming, SaveAccount
from actors.model import Account, CaughtUp
from wahook.journal import migrate, open_journal
from wahook.journal.engines import make_engines
from wahook.journal.rows import incoming_values
from wahook.journal.schema import messages_in, metadata

from . import postgres
from .conftest import NOON, SESSION, account, empty, incoming, message


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that has nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/wahook.db"
        return
    server: postgres.Server = request.getfixturevalue("server")
    yield server.create(f"test_{abs(hash(request.node.name))}_{id(request)}")


def run(url: str, statement: str) -> None:
    """Change the schema behind the journal's back."""
    with open_journal(url) as journal, journal.engines.write.begin() as connection:
        connection.exec_driver_sql(statement)


def test_migrations_lead_to_exactly_the_tables_the_code_knows(url: str):
    with open_journal(url) as journal, journal.engines.write.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_code_knows_the_newest_migration():
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert scripts.get_heads() == [migrate.HEAD]


def test_opening_again_keeps_everything_and_runs_no_migration(url: str, monkeypatch: pytest.MonkeyPatch):
    with open_journal(url) as journal:
        journal.writer.write([SaveAccount(account()), AcceptMessage(message(), None)])
    monkeypatch.setattr(migrate, "_upgrade", lambda _: pytest.fail("migrated again"))
    with open_journal(url) as journal:
        assert [one.message_id for one in journal.reader.undone()] == ["msg_a"]


def test_a_journal_of_the_version_before_is_taken_over_with_all_its_rows(url: str):
    engines = make_engines(url, 5)
    with engines.write.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        command.upgrade(config, "0005")
        connection.execute(
            sa.text(
                "INSERT INTO accounts"
                " (session_id, user_id, account_id, desired, phone_number, created_at, config)"
                " VALUES (:id, '1', '1', :desired, '49', '2026-01-01 12:00:00+00:00', '{}')"
            ),
            {"id": SESSION, "desired": True},
        )
        connection.execute(sa.insert(messages_in).values(incoming_values(SESSION, incoming("a"), NOON)))
    engines.dispose()
    with open_journal(url) as journal:
        assert journal.reader.accounts() == [replace(account(), phone_number="49", created_at=NOON)]
        assert journal.reader.caught_up(SESSION) == CaughtUp(incoming("a").timestamp, None, "49")
        journal.writer.write([RecordIncoming(SESSION, (), 5)])
        assert journal.reader.caught_up(SESSION).missed_since == 5


def test_opening_a_current_journal_does_not_load_the_migration_tools(sqlite_url: str):
    open_journal(sqlite_url).close()
    opening = f"import sys, wahook.journal; wahook.journal.open_journal({sqlite_url!r}).close()"
    code = f"{opening}; print('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_many_that_open_an_empty_database_at_once_all_succeed(url: str):
    with ThreadPoolExecutor(6) as pool:
        journals = list(pool.map(lambda _: open_journal(url, deadline=20), range(6)))
    for number, journal in enumerate(journals):
        session = f"user_{number}_wa_1"
        assert journal.writer.write([SaveAccount(Account(session, str(number), "1"))])
    assert len(journals[0].reader.accounts()) == 6
    for journal in journals:
        journal.close()


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(url: str):
    run(url, "UPDATE wahook_schema SET version_num = '9999'")
    newer = f"schema 9999, made by a newer wahook; this one knows {migrate.HEAD}"
    with pytest.raises(JournalError, match=newer):
        open_journal(url)
    with pytest.raises(JournalError, match="9999"):
        open_journal(url)


def test_a_migration_that_fails_leaves_nothing_behind(url: str):
    engines = open_journal(url).engines
    with engines.write.begin() as connection:
        for table in metadata.sorted_tables[::-1]:
            if table.name != "mirror_changes":
                table.drop(connection)
        connection.exec_driver_sql(f"DROP TABLE {migrate.VERSION_TABLE}")
    with pytest.raises(JournalError, match="opening the journal"):
        open_journal(url)  # somebody else's table has the name of one of ours
    with engines.read.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["mirror_changes"]
    engines.dispose()


def test_the_file_is_made_with_its_directory_and_only_for_us(tmp_path: Path):
    path = tmp_path / "new" / "deep" / "wahook.db"
    with open_journal(f"sqlite:///{path}") as journal:
        journal.writer.write([SaveAccount(account())])
        assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 3  # the database, its log, its shared memory


def test_every_commit_is_synchronous(url: str):
    with open_journal(url) as journal, journal.engines.write.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a URL"),
        ("mysql://root@localhost/x", "mysql is not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////proc/nowhere/wahook.db", "cannot open /proc/nowhere/wahook.db"),
        ("postgresql://nobody:s3cret@127.0.0.1:1/x", "nobody listens there"),
    ],
)
def test_a_url_that_leads_nowhere_says_so_without_its_password(url: str, words: str):
    with pytest.raises(JournalError, match=words) as refused:
        open_journal(url, deadline=2)
    assert "s3cret" not in str(refused.value)


def test_a_missing_postgresql_database_is_named_as_such(server: postgres.Server):
    with pytest.raises(JournalError, match="no such database"):
        open_journal(server.url("nowhere"))


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JournalError, match=r"pip install 'wahook\[postgres\]'"):
        open_journal("postgresql://localhost/x")


def test_a_file_that_is_no_database_is_named_as_such_and_left_alone(tmp_path: Path):
    path = tmp_path / "wahook.db"
    path.write_bytes(b"my holiday pictures" * 1000)
    with pytest.raises(JournalError, match="not a SQLite database"):
        open_journal(f"sqlite:///{path}")
    assert path.read_bytes() == b"my holiday pictures" * 1000


def damage(path: Path) -> None:
    """Overwrite the middle of a database with noise."""
    with path.open("r+b") as file:
        for page in range(2, 40):
            file.seek(page * 4096)
            file.write(b"\xde\xad" * 2048)


def test_a_damaged_file_is_named_as_such(tmp_path: Path):
    path = tmp_path / "wahook.db"
    url = f"sqlite:///{path}"
    with open_journal(url) as journal:
        journal.writer.write([SaveAccount(account())])
        journal.writer.write([AcceptMessage(message(f"{n}", body="x" * 500), None) for n in range(300)])
    damage(path)
    with pytest.raises(JournalError, match="damaged"), open_journal(url) as journal:
        journal.writer.write([AcceptMessage(message("new"), 300)])


def test_a_doctor_sees_whether_the_file_is_sound(tmp_path: Path):
    path = tmp_path / "wahook.db"
    with open_journal(f"sqlite:///{path}") as journal:
        journal.writer.write([SaveAccount(account())])
        assert journal.damage() == []
    data = bytearray(path.read_bytes())
    at = data.index(SESSION.encode())  # one byte of an indexed key: only a full check can see it
    data[at] ^= 1
    path.write_bytes(data)
    with open_journal(f"sqlite:///{path}") as journal:
        assert journal.damage() != []


def test_a_database_that_somebody_else_locks_says_so_in_time_and_works_later(sqlite_url: str):
    with open_journal(sqlite_url, deadline=0.2) as journal:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="another process holds its lock"):
                journal.writer.write([SaveAccount(account())])
            with pytest.raises(JournalError, match="another process holds its lock"):
                open_journal(sqlite_url, deadline=0.2)
            assert journal.reader.accounts() == []  # readers do not mind
        journal.writer.write([SaveAccount(account())])
        assert len(journal.reader.accounts()) == 1


def test_a_postgresql_lock_is_waited_for_only_as_long_as_allowed(server: postgres.Server):
    url = server.create("locked")
    with open_journal(url) as other, open_journal(url, deadline=1) as journal:
        with other.engines.write.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE accounts")
            with pytest.raises(JournalError, match="another connection held a lock"):
                journal.writer.write([SaveAccount(account())])
        journal.writer.write([SaveAccount(account())])


def test_lost_postgresql_connections_are_replaced(server: postgres.Server):
    with open_journal(server.create("dropped")) as journal, open_journal(server.url()) as admin:
        journal.writer.write([SaveAccount(account())])
        assert len(journal.reader.accounts()) == 1
        with admin.engines.write.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dropped'"
            )
        assert len(journal.reader.accounts()) == 1
        journal.writer.write([AcceptMessage(message(), None)])
        assert len(journal.reader.undone()) == 1
        empty(journal)


def test_no_failure_shows_what_was_to_be_written(sqlite_url: str):
    with open_journal(sqlite_url, deadline=0.05) as journal, open_journal(sqlite_url) as other:
        other.writer.write([SaveAccount(account())])
        secret = message(body="private words", to="491777777777")
        with other.engines.write.begin() as connection:
            connection.exec_driver_sql("DROP TABLE messages_out")
        with pytest.raises(JournalError) as failed:
            journal.writer.write([AcceptMessage(secret, None)])
    told = "".join(traceback.format_exception(failed.value))
    assert "INSERT" in told  # the statement helps; its values are nobody's business
    assert "private words" not in told
    assert "491777777777" not in told


def test_a_full_disk_is_named_as_such(sqlite_url: str):
    with open_journal(sqlite_url) as journal:
        journal.writer.write([SaveAccount(account())])
        with journal.engines.write.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.rollback()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalError, match="disk is full"):
            journal.writer.write([AcceptMessage(message(f"{n}", body="x" * 5000), None) for n in range(50)])
        assert journal.reader.undone() == []
