"""A LevelDB database is copied as of one moment, whatever its owner does meanwhile."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wahook.profiles import ProfileChanging, leveldb
from wahook.profiles.blobs import Blobs
from wahook.profiles.leveldb import ATTEMPTS, check, copy, read_manifest
from wahook.profiles.manifest import DatabaseDamaged, records

from .conftest import made_database, record

NEW_TABLE = b"\x07\x00\x05\x0a\x01a\x01b"  # level 0, table 5, 10 bytes, from a to b
MOVED_LOG = b"\x02\x06\x09\x00" + NEW_TABLE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database with nothing in tables yet."""
    return made_database(tmp_path / "source")


class Meanwhile:
    """Does something between the MANIFEST and the logs."""

    def __init__(self, act: Callable[[], None], *, fits: bool = True) -> None:
        self.before = act
        self.after = lambda: fits


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def flush_to_table(source: Path) -> None:
    """What LevelDB does when a log is full: a table, a new log, the edit, then the old log goes."""
    (source / "000005.ldb").write_bytes(b"0123456789")
    (source / "000006.log").write_bytes(record(b"third"))
    append(source / "MANIFEST-000001", record(MOVED_LOG))
    (source / "000003.log").unlink()


def test_records_are_put_together_from_their_fragments():
    block = 32 * 1024
    first = b"a" * (block - 7)
    data = bytes(4) + len(first).to_bytes(2, "little") + b"\x02" + first  # FIRST fills the block
    data += bytes(4) + (3).to_bytes(2, "little") + b"\x04" + b"end"  # LAST
    assert [body for body, _ in records(data + record(b"next"))] == [first + b"end", b"next"]


def test_the_rest_of_a_block_too_short_for_a_header_is_skipped():
    filler = record(b"a" * (32 * 1024 - 7 - 3))
    assert [len(body) for body, _ in records(filler + bytes(3) + record(b"next"))] == [32 * 1024 - 10, 4]


@pytest.mark.parametrize("lost", range(1, 14))
def test_a_torn_end_is_no_record_however_much_of_it_is_there(lost: int):
    whole = record(b"first")
    torn = (whole + record(b"second"))[:-lost]
    assert [(body, end) for body, end in records(torn)] == [(b"first", len(whole))]


def test_a_copy_holds_the_whole_records_and_none_of_the_owners_notes(source: Path, tmp_path: Path):
    append(source / "000003.log", record(b"torn")[:-1])
    copy(source, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [
        "000003.log",
        "CURRENT",
        "MANIFEST-000001",
    ]
    assert (tmp_path / "copy/000003.log").read_bytes() == record(b"first") + record(b"second")


def test_tables_are_shared_with_the_source_and_their_sizes_known(source: Path, tmp_path: Path):
    flush_to_table(source)
    (source / "000099.ldb").write_bytes(b"of no manifest")
    copy(source, tmp_path / "copy")
    manifest = check(tmp_path / "copy")
    assert (manifest.log, manifest.tables) == (6, {5: 10})
    assert (tmp_path / "copy/000005.ldb").samefile(source / "000005.ldb")
    assert not (tmp_path / "copy/000099.ldb").exists()
    shutil.rmtree(tmp_path / "copy")
    assert (source / "000005.ldb").read_bytes() == b"0123456789"


def test_a_log_that_became_a_table_during_the_copy_leads_to_a_new_attempt(source: Path, tmp_path: Path):
    attempts: list[int] = []

    def between() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            flush_to_table(source)

    copy(source, tmp_path / "copy", beside=Meanwhile(between))
    assert len(attempts) == 2
    assert check(tmp_path / "copy").tables == {5: 10}
    assert (tmp_path / "copy/000006.log").read_bytes() == record(b"third")


def test_a_table_deleted_during_the_copy_leads_to_a_new_attempt(source: Path, tmp_path: Path):
    flush_to_table(source)
    attempts: list[int] = []

    def between() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            append(source / "MANIFEST-000001", record(b"\x06\x00\x05"))
            (source / "000005.ldb").unlink()

    copy(source, tmp_path / "copy", beside=Meanwhile(between))
    assert check(tmp_path / "copy").tables == {}


def test_what_is_written_to_the_log_during_the_copy_costs_no_attempt(source: Path, tmp_path: Path):
    attempts: list[int] = []

    def between() -> None:
        attempts.append(1)
        append(source / "000003.log", record(b"third"))

    copy(source, tmp_path / "copy", beside=Meanwhile(between))
    assert len(attempts) == 1


def test_a_database_that_never_stands_still_is_given_up_without_a_trace(source: Path, tmp_path: Path):
    def between() -> None:
        append(source / "MANIFEST-000001", record(b"\x03\x07"))

    with pytest.raises(ProfileChanging):
        copy(source, tmp_path / "copy", beside=Meanwhile(between))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-000001", "000005.ldb", "000006.log"])
def test_a_missing_file_is_noticed(source: Path, name: str):
    flush_to_table(source)
    check(source)
    (source / name).unlink()
    with pytest.raises(DatabaseDamaged):
        check(source)


def test_a_short_table_a_wild_current_and_an_unknown_edit_are_noticed(source: Path):
    flush_to_table(source)
    (source / "000005.ldb").write_bytes(b"012345678")
    with pytest.raises(DatabaseDamaged, match="table 5"):
        check(source)
    (source / "CURRENT").write_bytes(b"../../elsewhere\n")
    with pytest.raises(DatabaseDamaged, match="CURRENT"):
        read_manifest(source)
    (source / "CURRENT").write_bytes(b"MANIFEST-000001\n")
    append(source / "MANIFEST-000001", record(b"\x63\x01"))
    with pytest.raises(DatabaseDamaged, match="unknown field"):
        read_manifest(source)


def test_a_disk_without_hard_links_gets_copies(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(leveldb.os, "link", refuse)
    flush_to_table(source)
    copy(source, tmp_path / "copy")
    assert not (tmp_path / "copy/000005.ldb").samefile(source / "000005.ldb")
    assert check(tmp_path / "copy").tables == {5: 10}


def test_files_beside_the_database_that_do_not_fit_lead_to_new_attempts(source: Path, tmp_path: Path):
    attempts: list[int] = []
    with pytest.raises(ProfileChanging):
        copy(source, tmp_path / "copy", beside=Meanwhile(lambda: attempts.append(1), fits=False))
    assert len(attempts) == ATTEMPTS


@pytest.fixture
def blob(tmp_path: Path) -> Callable[[int], Path]:
    """Make the file of one large value of database 1."""

    def make(number: int) -> Path:
        path = tmp_path / f"source.blob/1/00/{number:x}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes((number,)))
        return path

    return make


def taken(tmp_path: Path) -> set[int]:
    return {int(path.name, 16) for path in (tmp_path / "copy.blob").rglob("*") if path.is_file()}


def test_large_values_that_were_there_before_or_after_are_both_taken(
    blob: Callable[[int], Path], tmp_path: Path
):
    old = blob(10)
    blobs = Blobs(tmp_path / "source.blob", tmp_path / "copy.blob")
    old.unlink()
    blobs.before()
    blob(11)
    blob(12)
    assert blobs.after()
    assert taken(tmp_path) == {10, 11, 12}


def test_a_large_value_that_may_have_come_and_gone_unseen_does_not_fit(
    blob: Callable[[int], Path], tmp_path: Path
):
    blob(10)
    blobs = Blobs(tmp_path / "source.blob", tmp_path / "copy.blob")
    blobs.before()
    blob(11).unlink()
    blob(12)
    assert not blobs.after()
    blobs.before()
    blob(13)
    assert blobs.after(), "the gap is older than this attempt"


def test_a_database_whose_first_large_values_come_meanwhile_fits(blob: Callable[[int], Path], tmp_path: Path):
    blobs = Blobs(tmp_path / "source.blob", tmp_path / "copy.blob")
    blobs.before()
    blob(10)
    blob(11)
    assert blobs.after()
    assert taken(tmp_path) == {10, 11}
