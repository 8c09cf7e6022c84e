"""Archives in a store: what they hold, two generations, and a restore that is whole or nothing."""

import sqlite3
from pathlib import Path

import pytest

from wahook.profiles import (
    ArchiveDamaged,
    ProfileFault,
    ProfileInUse,
    ProfileKey,
    Profiles,
    RemoteProfiles,
    StoreFailed,
    WrongKey,
    archive,
    found_in,
    import_profile,
    snapshot,
)
from wahook.profiles.errors import UnsafePath
from wahook.profiles.snapshot import NothingToSave
from wahook.profiles.stores import DirectoryStore, Stored

from .conftest import SESSION, made_database, made_profile, record

ORIGIN = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb"


class Recording(DirectoryStore):
    """A folder that tells in which order it is used, and may refuse."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.did: list[str] = []
        self.refuse: str | None = None

    def _note(self, what: str) -> None:
        if self.refuse == what.split(maxsplit=1)[0]:
            raise StoreFailed("refused")
        self.did.append(what)

    def put(self, name: str, source: Path) -> None:
        self._note(f"put {name[-9]}")
        super().put(name, source)

    def delete(self, name: str) -> None:
        self._note(f"delete {name[-9]}")
        super().delete(name)

    def list(self, folder: str) -> list[Stored]:
        self._note("list")
        return super().list(folder)


@pytest.fixture
def store(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "store")


@pytest.fixture
def remote(profiles: Profiles, store: Recording, key: ProfileKey) -> RemoteProfiles:
    made_profile(profiles.make(SESSION))
    return RemoteProfiles(profiles, store, key)


@pytest.fixture
def there(tmp_path: Path) -> Profiles:
    """Another node's disk."""
    return Profiles(tmp_path / "there")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_archive_holds_the_login_and_the_preferences_and_no_caches_or_locks(
    remote: RemoteProfiles, profiles: Profiles, there: Profiles, store: Recording, key: ProfileKey
):
    profile = profiles.path(SESSION)
    (profile / f"{ORIGIN}.blob/1/00").mkdir(parents=True)
    (profile / f"{ORIGIN}.blob/1/00/7").write_bytes(b"a large value")
    (profile / "Local State").write_text("{}")
    (profile / "SingletonLock").symlink_to("host-1")
    with sqlite3.connect(profile / "Default/Cookies") as cookies:
        cookies.execute("CREATE TABLE cookies (name TEXT)")
    cookies.close()
    remote.save(SESSION)
    RemoteProfiles(there, store, key).restore(SESSION)
    database = {"000003.log", "CURRENT", "MANIFEST-000001"}
    assert files(there.path(SESSION)) == {
        *(f"{ORIGIN}.leveldb/{name}" for name in database),
        *(f"Default/Local Storage/leveldb/{name}" for name in database),
        f"{ORIGIN}.blob/1/00/7",
        "Default/Preferences",
        "Default/Cookies",
        "Local State",
    }
    assert there.path(SESSION).stat().st_mode & 0o777 == 0o700


def test_cookies_that_are_half_written_are_left_out_and_the_login_is_not(
    remote: RemoteProfiles, profiles: Profiles, there: Profiles, store: Recording, key: ProfileKey
):
    (profiles.path(SESSION) / "Default/Cookies").write_bytes(b"SQLite format 3\0" + b"torn" * 1000)
    remote.save(SESSION)
    RemoteProfiles(there, store, key).restore(SESSION)
    assert not (there.path(SESSION) / "Default/Cookies").exists()
    assert there.may_have_login(SESSION)


def test_the_new_generation_is_stored_before_the_one_before_the_last_is_deleted(
    remote: RemoteProfiles, store: Recording
):
    for _ in range(4):
        remote.save(SESSION)
    assert store.did == [
        "list",
        "put 1",
        "list",
        "put 2",
        "list",
        "put 3",
        "delete 1",
        "list",
        "put 4",
        "delete 2",
    ]


def test_a_failed_upload_leaves_what_was_stored_and_nothing_on_this_disk(
    remote: RemoteProfiles, store: Recording, profiles: Profiles
):
    remote.save(SESSION)
    store.refuse = "put"
    with pytest.raises(StoreFailed):
        remote.save(SESSION)
    store.refuse = None
    assert len(store.list(SESSION)) == 1
    assert list((profiles.root / ".staging").iterdir()) == []
    assert remote.save(SESSION).generation == 2


def test_strangers_files_in_the_store_are_neither_restored_nor_deleted(
    remote: RemoteProfiles, store: Recording, there: Profiles, key: ProfileKey, tmp_path: Path
):
    note = tmp_path / "note"
    note.write_text("hello")
    for name in ("readme.txt", "1.profile", "99999999999999.profile"):
        store.put(f"{SESSION}/{name}", note)
    saved = remote.save(SESSION)
    restored = RemoteProfiles(there, store, key).restore(SESSION)
    assert restored is not None
    assert restored.generation == saved.generation == 1
    remote.forget(SESSION)
    assert len(store.list(SESSION)) == 3


def test_with_the_wrong_key_the_restore_says_so_and_leaves_no_profile(
    remote: RemoteProfiles, store: Recording, there: Profiles
):
    remote.save(SESSION)
    remote.save(SESSION)
    with pytest.raises(WrongKey):
        RemoteProfiles(there, store, ProfileKey.parse("ee" * 32)).restore(SESSION)
    assert there.sessions() == []
    assert list((there.root / ".staging").iterdir()) == []


def test_a_whole_archive_of_a_broken_database_counts_as_damaged(
    remote: RemoteProfiles,
    store: Recording,
    there: Profiles,
    key: ProfileKey,
    tmp_path: Path,
):
    remote.save(SESSION)
    broken = made_profile(tmp_path / "broken")
    (broken / f"{ORIGIN}.leveldb/CURRENT").unlink()
    archive.pack(broken, tmp_path / "packed", key, SESSION)
    store.put(f"{SESSION}/{2:012d}.profile", tmp_path / "packed")
    restored = RemoteProfiles(there, store, key).restore(SESSION)
    assert restored is not None
    assert restored.generation == 1
    empty = Profiles(tmp_path / "empty")
    store.delete(f"{SESSION}/{1:012d}.profile")
    with pytest.raises(ArchiveDamaged, match="CURRENT"):
        RemoteProfiles(empty, store, key).restore(SESSION)
    assert empty.sessions() == []


def test_nothing_is_restored_over_a_profile_or_under_a_lock(
    remote: RemoteProfiles, store: Recording, there: Profiles, key: ProfileKey
):
    remote.save(SESSION)
    with pytest.raises(ProfileFault, match="has a profile already"):
        remote.restore(SESSION)
    theirs = RemoteProfiles(there, store, key)
    with there.lock(SESSION, "somebody") as lock:
        with pytest.raises(ProfileInUse):
            theirs.restore(SESSION)
        assert theirs.restore(SESSION, lock) is not None


def test_a_session_without_archives_is_none(remote: RemoteProfiles):
    assert remote.restore("user_9_wa_9") is None


def test_a_profile_without_any_database_is_not_saved(
    profiles: Profiles, remote: RemoteProfiles, store: Recording
):
    profiles.make("fresh")
    with pytest.raises(NothingToSave):
        remote.save("fresh")
    assert "put" not in " ".join(store.did)


def test_a_fingerprint_changes_with_the_login_and_not_with_caches_or_notes(
    remote: RemoteProfiles, profiles: Profiles
):
    path, first = profiles.path(SESSION), remote.fingerprint(SESSION)
    (path / "Default/Cache/more").touch()
    (path / f"{ORIGIN}.leveldb/LOG").write_text("started again")
    (path / "Default/Preferences").write_text("{ }")
    assert remote.fingerprint(SESSION) == first
    with (path / f"{ORIGIN}.leveldb/000003.log").open("ab") as file:
        file.write(record(b"more"))
    second = remote.fingerprint(SESSION)
    assert second != first
    (path / f"{ORIGIN}.blob").mkdir()
    (path / f"{ORIGIN}.blob/1").touch()
    assert remote.fingerprint(SESSION) != second


def test_a_link_in_a_profile_is_not_archived(remote: RemoteProfiles, profiles: Profiles, tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    path = profiles.path(SESSION)
    (path / "Local State").symlink_to(tmp_path / "secret")
    (path / "Default/IndexedDB/x.leveldb").symlink_to(made_database(tmp_path / "elsewhere"))
    (path / f"{ORIGIN}.blob").mkdir()
    (path / f"{ORIGIN}.blob/1").symlink_to(tmp_path / "secret")
    copy = tmp_path / "copy"
    copy.mkdir()
    snapshot.take(path, copy)
    assert not any("secret" in path.read_text(errors="ignore") for path in copy.rglob("*") if path.is_file())
    assert not (copy / "Default/IndexedDB/x.leveldb").exists()


def test_importing_copies_the_login_and_leaves_the_source_as_it_was(profiles: Profiles, tmp_path: Path):
    source = made_profile(tmp_path / "wwebjs/session-shop")
    before = files(source)
    path = import_profile(profiles, source, SESSION)
    assert "Default/Preferences" in files(path)
    assert not any("Cache" in name for name in files(path))
    assert files(source) == before
    with pytest.raises(ProfileFault, match="has a profile already"):
        import_profile(profiles, source, SESSION)
    with pytest.raises(UnsafePath, match="no Chromium profile"):
        import_profile(profiles, tmp_path, "user_1_wa_3")
    (tmp_path / "new/Default").mkdir(parents=True)
    with pytest.raises(NothingToSave):
        import_profile(profiles, tmp_path / "new", "user_1_wa_3")
    assert profiles.sessions() == [SESSION]


def test_the_profiles_of_a_local_auth_folder_are_found_by_their_client_ids(tmp_path: Path):
    for name in ("session", "session-shop", "session-a-b", "other"):
        made_profile(tmp_path / name)
    (tmp_path / "session-empty").mkdir()
    found = found_in(tmp_path)
    assert {client: path.name for client, path in found.items()} == {
        "": "session",
        "shop": "session-shop",
        "a-b": "session-a-b",
    }
