"""Profiles on this disk: made, locked, trimmed, set aside, removed, and never outside their root."""

import os
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wahook.profiles import BadSessionId, ProfileFault, ProfileInUse, Profiles, UnsafePath

from .conftest import SESSION, made_profile

LATER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Run Python code in a process of its own, from the top of the checkout."""
    top = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=top,
        env={**os.environ, "PYTHONPATH": str(top)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_profile_is_made_for_its_owners_eyes_only(tmp_path: Path):
    old = os.umask(0)
    try:
        profiles = Profiles(tmp_path / "new" / "sessions")
        path = profiles.make(SESSION)
    finally:
        os.umask(old)
    assert path == tmp_path / "new/sessions" / f"session-{SESSION}"
    assert mode(path) == mode(path.parent) == 0o700


def test_a_profile_that_others_could_read_is_closed_when_it_is_used_again(profiles: Profiles):
    profiles.make(SESSION).chmod(0o755)
    assert mode(profiles.make(SESSION)) == 0o700


@pytest.mark.parametrize(
    "session_id",
    ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", ".hidden", "x" * 129, "a b", "é", "a\n", "a.corrupt-1"],
)
def test_an_id_that_could_lead_elsewhere_is_refused_by_every_call(profiles: Profiles, session_id: str):
    calls = (
        profiles.path,
        profiles.make,
        profiles.remove,
        profiles.set_aside,
        profiles.trim,
        profiles.exists,
    )
    for call in calls:
        with pytest.raises(BadSessionId):
            call(session_id)
    with pytest.raises(BadSessionId):
        profiles.lock(session_id, "me")
    assert {entry.name for entry in profiles.root.iterdir()} <= {".trash", ".staging", ".locks"}


def test_a_link_in_the_place_of_a_profile_is_refused_and_what_it_points_to_is_left_alone(
    profiles: Profiles, tmp_path: Path
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (profiles.root / f"session-{SESSION}").symlink_to(elsewhere)
    for call in (profiles.make, profiles.remove, profiles.set_aside, profiles.trim):
        with pytest.raises(UnsafePath):
            call(SESSION)
    assert (elsewhere / "precious").exists()
    assert profiles.sessions() == []


def test_a_link_inside_a_profile_is_removed_and_not_followed(profiles: Profiles, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "Cache").mkdir(parents=True)
    (elsewhere / "Cache/precious").touch()
    path = made_profile(profiles.make(SESSION))
    (path / "Default/Code Cache").symlink_to(elsewhere / "Cache")
    (path / "Default/GrShaderCache").symlink_to(elsewhere)
    profiles.trim(SESSION)
    assert not (path / "Default/Code Cache").is_symlink()
    profiles.remove(SESSION)
    assert (elsewhere / "Cache/precious").exists()


def test_a_link_in_the_place_of_the_default_folder_is_not_trimmed_through(profiles: Profiles, tmp_path: Path):
    (tmp_path / "elsewhere/Cache").mkdir(parents=True)
    (profiles.make(SESSION) / "Default").symlink_to(tmp_path / "elsewhere")
    profiles.trim(SESSION)
    assert (tmp_path / "elsewhere/Cache").exists()


def test_a_locked_profile_is_refused_to_everybody_else_with_the_holders_name(profiles: Profiles):
    with profiles.lock(SESSION, "incarnation 1") as lock:
        with pytest.raises(ProfileInUse, match=r"incarnation 1 \(pid \d+\)"):
            profiles.lock(SESSION, "incarnation 2")
        for call in (profiles.remove, profiles.set_aside, profiles.trim):
            with pytest.raises(ProfileInUse):
                call(SESSION)
        made_profile(profiles.make(SESSION))
        assert profiles.trim(SESSION, lock) > 0
        assert profiles.lock("another", "me").held
    assert not lock.held
    assert profiles.lock(SESSION, "incarnation 2").held


def test_a_released_or_foreign_lock_opens_nothing(profiles: Profiles):
    released, other = profiles.lock(SESSION, "me"), profiles.lock("another", "me")
    released.release()
    released.release()
    for lock in (released, other):
        with pytest.raises(ProfileInUse):
            profiles.remove(SESSION, lock)


def test_the_lock_of_a_killed_service_is_free_and_that_of_a_living_one_is_not(profiles: Profiles):
    process = child(
        """
        import sys
        from pathlib import Path
        from wahook.profiles import Profiles
        lock = Profiles(Path(sys.argv[1])).lock(sys.argv[2], "the other service")
        print("locked", flush=True)
        sys.stdin.read()
        """,
        str(profiles.root),
        SESSION,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(ProfileInUse, match="the other service"):
            profiles.lock(SESSION, "me")
    finally:
        process.kill()
        process.wait(10)
    with profiles.lock(SESSION, "me") as lock:
        assert lock.held


def test_a_removed_profile_is_gone_with_open_and_read_only_files(profiles: Profiles):
    path = made_profile(profiles.make(SESSION))
    (path / "Default/Preferences").chmod(0o400)
    (path / "Default/GPUCache").chmod(0o500)
    with (path / "Default/GPUCache/data_1").open("rb"):
        assert profiles.remove(SESSION)
    assert not path.exists()
    assert list((profiles.root / ".trash").iterdir()) == []
    assert not profiles.remove(SESSION)


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/").stat().st_mode & 0o001, reason="the root folder is closed to others"
)
def test_read_only_folders_are_removed_by_an_ordinary_user_too():
    process = child(
        """
        import os, tempfile
        from pathlib import Path
        from tests.profiles.conftest import SESSION, made_profile
        from wahook.profiles import Profiles
        if os.geteuid() == 0:  # to whom read-only means nothing
            os.setegid(65534)
            os.seteuid(65534)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            profiles = Profiles(Path(home) / "sessions")
            path = made_profile(profiles.make(SESSION))
            (path / "Default/GPUCache").chmod(0o500)
            (path / "Default/Cache").chmod(0o000)
            print(profiles.remove(SESSION), path.exists(), list((profiles.root / ".trash").iterdir()))
        """
    )
    assert process.communicate(timeout=60)[0] == "True False []\n"


def test_what_a_crash_left_in_trash_and_staging_is_gone_at_the_next_start(profiles: Profiles):
    made_profile(profiles.root / ".trash/half")
    made_profile(profiles.root / ".staging/half")
    again = Profiles(profiles.root)
    assert list((again.root / ".trash").iterdir()) == list((again.root / ".staging").iterdir()) == []


def test_a_second_service_does_not_sweep_what_the_first_is_working_on(profiles: Profiles):
    with profiles.staging() as folder:
        (folder / "copy").touch()
        Profiles(profiles.root)
        assert (folder / "copy").exists()
    assert not folder.exists()


def test_a_profile_set_aside_keeps_its_login_data_but_not_its_caches_and_only_the_latest_is_kept(
    profiles: Profiles,
):
    made_profile(profiles.make(SESSION))
    first = profiles.set_aside(SESSION, now=datetime(2030, 1, 1, tzinfo=UTC))
    made_profile(profiles.make(SESSION))
    second = profiles.set_aside(SESSION, now=LATER)
    assert second == profiles.root / f"session-{SESSION}.corrupt-20300102T030405Z"
    assert first is not None
    assert not first.exists()
    assert profiles.set_aside_of(SESSION) == [second]
    assert (second / "Default/IndexedDB").exists()
    assert not (second / "Default/Cache").exists()
    assert profiles.sessions() == []
    assert profiles.set_aside(SESSION) is None
    assert second.exists()


def test_what_was_set_aside_long_ago_is_cleared_and_nothing_else(tmp_path: Path):
    profiles = Profiles(tmp_path / "sessions")
    old, new = SESSION, f"{SESSION}0"
    for session, at in ((old, datetime(2030, 1, 1, tzinfo=UTC)), (new, LATER)):
        made_profile(profiles.path(session))
        profiles.set_aside(session, now=at)
    made_profile(profiles.path(old))
    strange = profiles.root / f"session-{SESSION}.corrupt-some-day"
    strange.mkdir()
    assert profiles.clear_aside(LATER) == 1
    assert profiles.set_aside_of(old) == [strange]
    assert len(profiles.set_aside_of(new)) == 1
    assert profiles.exists(old)


def test_a_profile_too_large_to_keep_is_removed_instead_of_set_aside(tmp_path: Path):
    profiles = Profiles(tmp_path / "sessions", budget=20_000)
    path = made_profile(profiles.make(SESSION))
    (path / "Default/IndexedDB/large").write_bytes(os.urandom(40_000))
    assert profiles.set_aside(SESSION) is None
    assert profiles.set_aside_of(SESSION) == []
    assert profiles.sessions() == []


def test_trimming_tells_what_it_freed_and_leaves_what_a_login_needs(profiles: Profiles):
    path = made_profile(profiles.make(SESSION))
    before = profiles.size(SESSION)
    freed = profiles.trim(SESSION)
    assert freed >= 400_000
    assert profiles.size(SESSION) == before - freed
    assert {entry.name for entry in (path / "Default").iterdir()} == {
        "IndexedDB",
        "Local Storage",
        "Preferences",
    }
    assert profiles.trim(SESSION) == 0
    assert profiles.trim("nobody") == 0


def test_only_a_page_that_stored_something_may_have_left_a_login(profiles: Profiles):
    profiles.make(SESSION)
    assert not profiles.may_have_login(SESSION)
    made_profile(profiles.make(SESSION))
    assert profiles.may_have_login(SESSION)
    assert not profiles.may_have_login("nobody")


def test_a_profile_from_elsewhere_appears_whole_or_not_at_all(profiles: Profiles):
    def half(folder: Path) -> None:
        made_profile(folder)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        profiles.adopt(SESSION, half)
    assert not profiles.exists(SESSION)
    path = profiles.adopt(SESSION, lambda folder: (folder / "Default").mkdir())
    assert (mode(path), profiles.sessions()) == (0o700, [SESSION])
    with pytest.raises(ProfileFault, match="has a profile already"):
        profiles.adopt(SESSION, half)
    assert list((profiles.root / ".staging").iterdir()) == []


def test_listing_knows_profiles_by_their_sessions_and_nothing_else(profiles: Profiles):
    profiles.make("b")
    profiles.make("a")
    (profiles.root / "notes").mkdir()
    (profiles.root / "session-file").touch()
    assert profiles.sessions() == ["a", "b"]
