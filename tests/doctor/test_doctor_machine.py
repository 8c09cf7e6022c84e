"""The volume, memory, the key and the lock, on real files; each failure provoked."""

import os
import socket
import subprocess
import sys

import psutil
import pytest

from wahook import data_lock
from wahook.doctor import State, machine


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_it_will_be_made_in(settings, tmp_path):
    found = machine.check_volume(settings())
    assert found.state is State.OK
    assert "made at the first start" in found.found
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_may_enter_is_a_doubt(settings):
    given = settings()
    given.data.mkdir(mode=0o755)
    assert machine.check_volume(given).advice.startswith("chmod 700")
    given.data.chmod(0o700)
    assert machine.check_volume(given).state is State.OK


def test_a_folder_of_somebody_else_is_a_doubt_for_what_we_make_there_is_ours(settings):
    if os.geteuid() != 0:
        pytest.skip("needs root to give a folder away")
    given = settings()
    given.data.mkdir(mode=0o700)
    os.chown(given.data, 65534, -1)
    assert "sudo -u '#65534'" in machine.check_volume(given).advice


def test_a_folder_that_cannot_be_written_fails_and_says_whose_it_is(tmp_path):
    """As another user: root may write everywhere."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    tmp_path.chmod(0o755)
    script = (
        "import sys; sys.path[:0] = ['.']\n"
        "from pathlib import Path\n"
        "from wahook.doctor import machine\n"
        "from wahook.settings import Settings\n"
        f"given = Settings(data=Path({str(tmp_path)!r}))\n"
        "import os; os.seteuid(65534)\n"
        "found = machine.check_volume(given)\n"
        "print(found.state, found.found, found.advice)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("failed"), done
    assert "uid 0, we are 65534" in done.stdout
    assert "chown -R 65534" in done.stdout


@pytest.mark.parametrize(("free", "state"), [(150, State.FAILED), (800, State.WARNING), (5000, State.OK)])
def test_little_room_is_a_doubt_and_none_a_failure(settings, monkeypatch, free, state):
    usage = machine.shutil.disk_usage("/")._replace(free=free * machine.MEGABYTE)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    assert machine.check_volume(settings()).state is state


def test_profiles_are_counted(settings):
    given = settings()
    for name in ("session-a", "session-b", ".locks"):
        (given.sessions_path / name).mkdir(parents=True)
    given.sessions_path.chmod(0o700)
    assert machine.check_profiles(given).found.endswith("; 2 kept")


def test_a_container_that_is_killed_before_the_service_holds_back_fails(settings, monkeypatch):
    monkeypatch.setattr(machine, "container_limit", lambda: 400)
    found = machine.check_memory(settings(memory_limit_mb=450))
    assert found.state is State.FAILED
    assert "MEMORY_LIMIT_MB to 352" in found.advice


def test_a_service_that_may_take_more_than_there_is_is_a_doubt(settings):
    limit = psutil.virtual_memory().total // machine.MEGABYTE
    assert machine.check_memory(settings(memory_limit_mb=limit)).state is State.WARNING


@pytest.mark.parametrize(("text", "limit"), [("max\n", None), ("536870912\n", 512), ("9" * 18, None)])
def test_the_limit_is_the_kernel_s_if_it_has_one(tmp_path, text, limit):
    (tmp_path / "memory.max").write_text(text)
    assert machine.container_limit((tmp_path / "absent", tmp_path / "memory.max")) == limit


def test_the_key_is_never_shown(settings):
    found = machine.check_key(settings(api_key="short-secret"))
    assert (found.state, "short-secret" in str(found)) == (State.WARNING, False)
    assert machine.check_key(settings(api_key="a-secret-that-is-long")).state is State.OK


@pytest.mark.parametrize(
    ("text", "mode", "state"),
    [("wahook_key\n", 0o600, State.OK), ("wahook_key\n", 0o644, State.WARNING), ("\n", 0o600, State.FAILED)],
)
def test_the_key_s_file_is_judged_by_its_mode_and_content(settings, text, mode, state):
    given = settings()
    given.data.mkdir()
    file = given.data / "api-key"
    file.write_text(text)
    file.chmod(mode)
    assert machine.check_key(given).state is state
    assert file.stat().st_mode & 0o777 == mode


def test_a_running_service_is_known_by_its_lock_and_a_taken_port_by_its_socket(settings):
    given = settings()
    with data_lock.holding(given.data):
        assert machine.check_service(given).found.startswith("runs on")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = machine.check_service(settings(port=taken.getsockname()[1]))
    assert found.state is State.FAILED
    assert machine.check_service(settings(port=found and taken_port(found))).state is State.OK


def taken_port(found) -> int:
    """The port of a finding, which is free by now."""
    return int(found.found.split("port ")[1].split()[0])
