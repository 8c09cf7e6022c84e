"""ServerProcess, as the actor that owns a helper server sees it."""

import os
import signal
import threading

import pytest

from actors.errors import DeadlinePassed, ProcessError
from wahook.loop import LoopThread
from wahook.marks import carries
from wahook.processes import OwnedProcess
from wahook.server_process import ServerProcess

READY = "echo ready; exec sleep 300"


class Exits:
    """What on_exit was told."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.told = threading.Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.told.set()


async def says_ready(process: OwnedProcess) -> None:
    await process.line("ready", 20)


def server(loop: LoopThread, owner: str, script: str = READY, **extra) -> ServerProcess:
    return ServerProcess(
        "server", loop=loop, owner=owner, command=lambda: ("sh", "-c", script), ready=says_ready, **extra
    )


def test_start_settles_with_the_pid_when_the_server_answers(loop: LoopThread, owner: str):
    process = server(loop, owner)
    pid = process.start(Exits()).result(30)
    assert pid == process.pid
    assert carries(pid, owner, "server")


def test_a_death_is_told_once_with_its_code_and_the_server_can_start_again(loop: LoopThread, owner: str):
    process, exits = server(loop, owner), Exits()
    first = process.start(exits).result(30)
    process.kill()
    assert exits.told.wait(20)
    assert exits.codes == [-signal.SIGKILL]
    assert process.pid is None
    assert process.start(Exits()).result(30) != first


def test_our_own_stop_is_not_a_death(loop: LoopThread, owner: str):
    process, exits = server(loop, owner), Exits()
    pid = process.start(exits).result(30)
    process.stop().result(30)
    process.stop().result(30)
    assert not exits.codes
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_never_answers_is_killed_and_the_start_fails(loop: LoopThread, owner: str):
    process, exits = server(loop, owner, "echo loading; exec sleep 300", start_deadline=0.3), Exits()
    with pytest.raises(DeadlinePassed):
        process.start(exits).result(30)
    assert process.pid is None
    assert not exits.codes


def test_a_server_that_dies_while_it_starts_says_why(loop: LoopThread, owner: str):
    process, exits = server(loop, owner, "echo no room left; exit 1"), Exits()
    with pytest.raises(ProcessError, match="no room left"):
        process.start(exits).result(30)
    assert not exits.codes


def test_stop_ends_a_start_that_is_under_way(loop: LoopThread, owner: str):
    process = server(loop, owner, "exec sleep 300", stop_deadline=0.5)
    starting = process.start(Exits())
    process.stop().result(30)
    with pytest.raises(ProcessError):
        starting.result(30)
    assert process.pid is None


def test_a_leftover_of_the_same_name_is_killed_before_the_start(loop: LoopThread, owner: str):
    forgotten = server(loop, owner)
    exits = Exits()
    old = forgotten.start(exits).result(30)
    assert server(loop, owner).start(Exits()).result(30) != old
    assert exits.told.wait(20)
    assert forgotten.pid is None


def test_starting_twice_is_refused(loop: LoopThread, owner: str):
    process = server(loop, owner)
    process.start(Exits()).result(30)
    with pytest.raises(ProcessError, match="runs already"):
        process.start(Exits()).result(30)
    assert process.pid is not None
