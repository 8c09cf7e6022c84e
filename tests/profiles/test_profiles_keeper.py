"""When profiles are archived: the policy, the keeper on a real folder, and the actor on virtual time."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.archiver import FORGET_AGAIN, TICK, Archiver
from actors.messages import ForgetProfile, ProfileClosed, ProfileReady
from actors.ports import ProfileSaved
from supervision import ChildSpec, SupervisorSpec
from supervision.testing import VirtualTree
from wahook.profiles import Keeper, ProfileKey, Profiles, RemoteProfiles, StoreFailed, VoidProfiles, WrongKey
from wahook.profiles.keeper import FIRST_RETRY, SETTLE, Watched, due_at
from wahook.profiles.setup import keeper_of
from wahook.profiles.stores import DirectoryStore
from wahook.settings import Settings
from wahook.settings_sources import SettingsError

from .conftest import SESSION, made_profile, record

LOG = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log"


# --- the policy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("watched", "at"),
    [
        (Watched(ready_at=100), 100 + SETTLE),
        (Watched(ready_at=100, saved_at=200), 500),
        (Watched(ready_at=100, failed_at=200, failures=1), 200 + FIRST_RETRY),
        (Watched(ready_at=100, failed_at=200, failures=2), 200 + 2 * FIRST_RETRY),
        (Watched(ready_at=100, saved_at=150, failed_at=200, failures=5), 500),
        (Watched(ready_at=100, failed_at=200, failures=10_000), 500),
    ],
)
def test_a_profile_is_due_soon_after_the_login_then_every_interval_and_sooner_after_a_failure(
    watched: Watched, at: float
):
    assert due_at(watched, interval=300) == at


# --- the keeper -------------------------------------------------------------------------------------------


@pytest.fixture
def keeper(profiles: Profiles, key: ProfileKey, tmp_path: Path) -> Keeper:
    return Keeper(profiles, RemoteProfiles(profiles, DirectoryStore(tmp_path / "store"), key), interval=300)


def stored(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "store").rglob("*.profile"))


def grow(profiles: Profiles, session_id: str = SESSION) -> None:
    with (profiles.path(session_id) / LOG).open("ab") as file:
        file.write(record(b"more"))


def test_only_sessions_that_are_ready_are_ever_due_the_longest_waiting_first(
    keeper: Keeper, profiles: Profiles
):
    assert keeper.due(1e9) == []
    for number, session in enumerate(("b", "a", "c")):
        made_profile(profiles.make(session))
        keeper.ready(session, number)
        keeper.ready(session, 1000)
    assert keeper.due(SETTLE - 1) == []
    assert keeper.due(SETTLE + 1) == ["b", "a"]
    assert keeper.save("b", SETTLE + 1).changed
    assert keeper.due(SETTLE + 2) == ["a", "c"]


def test_nothing_is_stored_again_until_something_has_changed(
    keeper: Keeper, profiles: Profiles, tmp_path: Path
):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    assert keeper.save(SESSION, 10).changed
    unchanged = keeper.save(SESSION, 310)
    assert (unchanged.changed, unchanged.error) == (False, None)
    assert keeper.due(609) == []
    grow(profiles)
    assert keeper.save(SESSION, 610).changed
    assert len(stored(tmp_path)) == 2


def test_a_profile_without_anything_in_it_is_no_failure(keeper: Keeper, profiles: Profiles):
    profiles.make(SESSION)
    keeper.ready(SESSION, 0)
    assert keeper.save(SESSION, 10) == ProfileSaved(SESSION, changed=False)


def test_a_failing_store_is_told_and_tried_again_ever_later(
    keeper: Keeper, profiles: Profiles, tmp_path: Path
):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    (tmp_path / "store").touch()  # where a folder should be
    assert "StoreFailed" in str(keeper.save(SESSION, 10).error)
    assert (keeper.due(10 + FIRST_RETRY - 1), keeper.due(10 + FIRST_RETRY)) == ([], [SESSION])
    assert keeper.save(SESSION, 40).error
    assert (keeper.due(40 + 2 * FIRST_RETRY - 1), keeper.due(40 + 2 * FIRST_RETRY)) == ([], [SESSION])
    (tmp_path / "store").unlink()
    assert keeper.save(SESSION, 100).changed
    assert keeper.due(399) == []


def test_a_closed_session_is_saved_a_last_time_and_after_a_failure_until_it_works(
    keeper: Keeper, profiles: Profiles, tmp_path: Path
):
    made_profile(profiles.make(SESSION))
    assert keeper.closed(SESSION, 0) == ProfileSaved(SESSION, changed=False), "it never was logged in"
    keeper.ready(SESSION, 0)
    (tmp_path / "store").touch()
    assert keeper.closed(SESSION, 5).error
    assert keeper.unsaved() == [SESSION]
    (tmp_path / "store").unlink()
    assert keeper.closed(SESSION, 50).changed
    assert keeper.unsaved() == keeper.due(1e9) == []


def test_a_node_without_the_profile_gets_it_and_one_with_it_keeps_its_own(
    keeper: Keeper, profiles: Profiles, key: ProfileKey, tmp_path: Path
):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    keeper.save(SESSION, 10)
    assert keeper.restore(SESSION).result(10) is False
    there = Profiles(tmp_path / "there")
    theirs = Keeper(there, RemoteProfiles(there, DirectoryStore(tmp_path / "store"), key))
    there.make(SESSION)  # an empty one, as a first start leaves it
    assert theirs.restore(SESSION).result(10) is True
    assert there.may_have_login(SESSION)
    assert theirs.restore("user_9_wa_9").result(10) is False


def test_a_restore_that_fails_tells_its_waiter_why(keeper: Keeper, profiles: Profiles, tmp_path: Path):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    keeper.save(SESSION, 10)
    there = Profiles(tmp_path / "there")
    other_key = ProfileKey.parse("ee" * 32)
    theirs = Keeper(there, RemoteProfiles(there, DirectoryStore(tmp_path / "store"), other_key))
    with pytest.raises(WrongKey):
        theirs.restore(SESSION).result(10)


def test_a_void_profile_leaves_this_disk_and_the_store(keeper: Keeper, profiles: Profiles, tmp_path: Path):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    keeper.save(SESSION, 10)
    VoidProfiles(profiles, keeper.forget).discard(SESSION)
    assert stored(tmp_path) == profiles.sessions() == keeper.unsaved() == []


# --- the actor --------------------------------------------------------------------------------------------


@dataclass
class Script:
    """An archive that writes down what it is asked, and fails where it is told to."""

    did: list[str] = field(default_factory=list)
    due_now: list[str] = field(default_factory=list)
    failing: int = 0

    def ready(self, session_id: str, now: float) -> None:
        self.did.append(f"ready {session_id}")

    def due(self, now: float) -> Sequence[str]:
        return list(self.due_now)

    def unsaved(self) -> Sequence[str]:
        return list(self.due_now)

    def save(self, session_id: str, now: float) -> ProfileSaved:
        self.did.append(f"save {session_id}")
        self.due_now.remove(session_id)
        return ProfileSaved(session_id, changed=True, size=7)

    def closed(self, session_id: str, now: float) -> ProfileSaved:
        self.did.append(f"closed {session_id}")
        return ProfileSaved(session_id, changed=False, error="StoreFailed: away")

    def forget(self, session_id: str) -> None:
        self.did.append(f"forget {session_id}")
        if self.failing:
            self.failing -= 1
            raise StoreFailed("away")

    def restore(self, session_id: str) -> Future[bool]:
        raise NotImplementedError


def start(tree: VirtualTree, script: Script) -> None:
    tree.start(SupervisorSpec((ChildSpec("archiver", lambda context: Archiver(context, script)),)))


def test_all_that_are_due_are_saved_at_one_tick_one_by_one():
    script = Script(due_now=["a", "b", "c"])
    with VirtualTree() as tree:
        start(tree, script)
        tree.advance(TICK - 1)
        assert script.did == []
        tree.advance(1)
        assert script.did == ["save a", "save b", "save c"]
        tree.advance(10 * TICK)
        assert len(script.did) == 3


def test_what_sessions_say_reaches_the_archive_and_the_tree_shows_the_last_result():
    script = Script()
    with VirtualTree() as tree:
        start(tree, script)
        tree.tell("archiver", ProfileReady("a"))
        tree.tell("archiver", ProfileClosed("a"))
        tree.advance(0)
        assert script.did == ["ready a", "closed a"]
        node = tree.system.snapshot().find("archiver")
        assert node is not None
        assert node["app"]["last_error"] == "StoreFailed: away"
        assert node["app"]["failures_in_a_row"] == 1


def test_archives_of_a_void_login_are_deleted_even_if_the_store_is_away_at_first():
    script = Script(failing=2)
    with VirtualTree() as tree:
        start(tree, script)
        tree.tell("archiver", ForgetProfile("a"))
        tree.advance(2 * FORGET_AGAIN)
        assert script.did == ["forget a"] * 3
        tree.advance(10 * FORGET_AGAIN)
        assert script.did == ["forget a"] * 3


def test_at_the_end_of_the_service_what_is_left_is_saved():
    script = Script()
    with VirtualTree() as tree:
        start(tree, script)
        script.due_now = ["a", "b"]
    assert script.did == ["closed a", "closed b"]


# --- the settings -----------------------------------------------------------------------------------------


def test_without_a_store_there_is_no_keeper(profiles: Profiles):
    assert keeper_of(Settings(), profiles) is None


def test_a_store_from_the_settings_works(profiles: Profiles, tmp_path: Path):
    settings = Settings(
        profile_store="directory", profile_store_url=str(tmp_path / "store"), profile_key="ab" * 32
    )
    keeper = keeper_of(settings, profiles)
    assert keeper is not None
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    assert keeper.save(SESSION, 10).changed
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"profile_store": "directory", "profile_store_url": "/x"}, "PROFILE_KEY"),
        ({"profile_store": "directory", "profile_store_url": "/x", "profile_key": "hush"}, "PROFILE_KEY"),
        ({"profile_store": "directory", "profile_key": "ab" * 32}, "PROFILE_STORE_URL"),
        ({"profile_store": "s3", "profile_key": "ab" * 32}, "PROFILE_STORE_KEY_ID"),
        ({"profile_store": "supabase", "profile_key": "ab" * 32}, "SUPABASE_URL"),
        (
            {"profile_store": "supabase", "profile_key": "ab" * 32, "supabase_url": "http://x"},
            "SUPABASE_SERVICE_KEY",
        ),
    ],
)
def test_what_a_store_lacks_is_named_and_no_secret_is(profiles: Profiles, given: dict[str, str], named: str):
    with pytest.raises(SettingsError, match=named) as wrong:
        keeper_of(Settings(**given), profiles)
    assert "hush" not in str(wrong.value)
    assert "abab" not in str(wrong.value)
