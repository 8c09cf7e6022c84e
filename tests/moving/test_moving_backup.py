"""A backup holds what the service needs, and a restore puts it back or changes nothing."""

import gzip
import io
import json
import os
import sqlite3
import tarfile
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from actors.errors import ProcessError
from tests.moving.conftest import SESSION, settings_in
from tests.profiles.conftest import made_profile
from wahook import cli, data_lock
from wahook.journal import open_journal
from wahook.media.store import MediaStore
from wahook.moving.backup import BackupError, back_up
from wahook.moving.restore import restore
from wahook.profiles import snapshot


@pytest.fixture
def backup(house, tmp_path):
    path = tmp_path / "backup.tar.gz"
    back_up(house, path)
    return path


def names(path) -> set[str]:
    with tarfile.open(path) as tar:
        return {member.name for member in tar}


def test_a_backup_holds_the_journal_the_logins_and_the_key_and_no_caches(house, backup):
    found = names(backup)
    assert {"manifest.json", "wahook.db", "api-key"} <= found
    login = (
        f"whatsapp-sessions/session-{SESSION}/Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb"
    )
    assert f"{login}/CURRENT" in found
    assert not [name for name in found if "Cache" in name]
    assert backup.stat().st_mode & 0o777 == 0o600


def test_it_says_what_it_is(house, tmp_path):
    done = back_up(house, tmp_path / "b", lambda: datetime(2026, 11, 22, tzinfo=UTC))
    assert (done.sessions, done.skipped, done.database) == ((SESSION,), (), True)
    with tarfile.open(tmp_path / "b") as tar:
        about = json.load(tar.extractfile(tar.next()))
    assert (about["format"], about["sessions"]) == (1, [SESSION])
    assert about["made_at"] == "2026-11-22T00:00:00+00:00"


def test_what_the_writer_has_not_yet_moved_from_its_log_is_in_it(house, tmp_path):
    with open_journal(house.database):  # an open journal: rows are in the -wal file
        back_up(house, tmp_path / "b")
        with tarfile.open(tmp_path / "b") as tar:
            (tmp_path / "copy.db").write_bytes(tar.extractfile("wahook.db").read())
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert connection.execute("SELECT count(*) FROM messages_out").fetchone() == (3,)
    connection.close()


def test_a_session_that_was_never_linked_is_named_and_left_out(house, tmp_path):
    (house.sessions_path / "session-user_9_wa_9").mkdir()
    assert back_up(house, tmp_path / "b").skipped == ("user_9_wa_9",)


def test_a_backup_never_overwrites_and_leaves_no_half_file(house, backup, tmp_path):
    content = backup.read_bytes()
    with pytest.raises(BackupError, match="there already"):
        back_up(house, backup)
    assert backup.read_bytes() == content
    with pytest.raises(BackupError, match="cannot write"):
        back_up(house, tmp_path / "nowhere" / "b")
    empty = settings_in(tmp_path / "empty")
    with pytest.raises(BackupError, match="no journal"):
        back_up(empty, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "b.part").exists()


def test_a_restore_gives_all_back_for_its_owner_s_eyes_only(backup, tmp_path):
    new = settings_in(tmp_path / "new")
    assert restore(new, backup) == (SESSION,)
    with open_journal(new.database) as journal:
        assert [row.body for row in journal.reader.undone()] == ["tëxt 0 🎉", "tëxt 1 🎉", "tëxt 2 🎉"]
        assert journal.damage() == []
    snapshot.check(new.sessions_path / f"session-{SESSION}")
    assert (new.data / "api-key").read_text() == "wahook_key\n"
    files = [path for path in new.data.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    assert {path.name for path in new.data.iterdir()} >= {"wahook.db", "api-key", "whatsapp-sessions"}
    assert list((new.sessions_path / ".staging").iterdir()) == []


def test_what_was_queued_then_is_looked_for_before_it_is_sent(backup, tmp_path):
    new = settings_in(tmp_path / "new")
    restore(new, backup)
    with open_journal(new.database) as journal:
        assert [row.may_be_on_wire for row in journal.reader.undone()] == [True] * 3


def test_a_folder_that_has_something_is_left_alone(house, backup):
    before = {path: path.stat().st_mtime_ns for path in house.data.rglob("*") if path.is_file()}
    with pytest.raises(BackupError, match="has user_1_wa_2 already"):
        restore(house, backup)
    after = {path: path.stat().st_mtime_ns for path in house.data.rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    assert {path.name for path in after.keys() - before.keys()} <= {"service.lock"}


def test_a_folder_with_another_journal_is_left_alone(backup, tmp_path):
    new = settings_in(tmp_path / "new")
    with open_journal(new.database):
        pass
    with pytest.raises(BackupError, match=r"wahook.db is there already"):
        restore(new, backup)
    assert not (new.sessions_path / f"session-{SESSION}").exists()


def test_nothing_is_restored_under_a_running_service(backup, tmp_path):
    new = settings_in(tmp_path / "new")
    with data_lock.holding(new.data), pytest.raises(ProcessError, match="another wahook"):
        restore(new, backup)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) - 6  # in gzip's own checksum
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "harm", [cut, flip, lambda _: b"", lambda _: os.urandom(5000), lambda _: tar_of("x")]
)
def test_a_damaged_backup_changes_nothing(backup, tmp_path, harm):
    backup.write_bytes(harm(backup.read_bytes()))
    new = settings_in(tmp_path / "new")
    with pytest.raises(BackupError):
        restore(new, backup)
    assert not (new.data / "wahook.db").exists()
    assert not list(new.sessions_path.glob("session-*"))


def tar_of(name: str, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../outside", "/tmp/w-outside", "a/../../outside"])
def test_a_backup_writes_nowhere_else_whatever_it_says(tmp_path, name):
    (tmp_path / "b").write_bytes(tar_of(name))
    with pytest.raises(BackupError, match="leads outside"):
        restore(settings_in(tmp_path / "new"), tmp_path / "b")
    assert not (tmp_path / "outside").exists()


def test_with_postgresql_the_command_says_what_is_missing(house, tmp_path, server, monkeypatch):
    monkeypatch.setenv("WAHOOK_DATA", str(house.data))
    monkeypatch.setenv("DATABASE_URL", server.create("backup"))
    shown = CliRunner().invoke(cli.app, ["backup", str(tmp_path / "b")])
    assert shown.exit_code == 0, shown
    assert "1 login," in shown.output
    assert "pg_dump" in shown.output
    assert "wahook.db" not in names(tmp_path / "b")


def test_the_files_that_messages_name_are_in_it(house, tmp_path):
    with MediaStore(house.media_path, 1000).writing() as writing:
        writing.write(b"%PDF-1.4 content")
        stored = writing.finish("application/pdf", "a.pdf")
    back_up(house, tmp_path / "b")
    new = settings_in(tmp_path / "new")
    restore(new, tmp_path / "b")
    there = MediaStore(new.media_path, 1000)
    assert there.find(stored.media_id) == stored
    assert there.path(stored.media_id).read_bytes() == b"%PDF-1.4 content"


def test_the_command_is_for_the_folder_s_owner(house, tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root to give a folder away")
    os.chown(house.data, 65534, -1)
    monkeypatch.setenv("WAHOOK_DATA", str(house.data))
    shown = CliRunner().invoke(cli.app, ["backup", str(tmp_path / "b")])
    assert "belongs to uid 65534" in str(shown.exception)
    assert not (tmp_path / "b").exists()


def test_several_sessions_are_all_taken(house, tmp_path):
    for number in range(3, 6):
        made_profile(house.sessions_path / f"session-user_1_wa_{number}")
    back_up(house, tmp_path / "b")
    new = settings_in(tmp_path / "new")
    assert len(restore(new, tmp_path / "b")) == 4
