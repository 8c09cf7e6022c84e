"""Owned processes: their groups, their output, their exits, and what a killed service leaves."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from actors.errors import ProcessError
from wahook.loop import LoopThread
from wahook.marks import carries
from wahook.processes import OwnedProcess, launch, owner_of, sweep

SETSID_CHILD = "setsid sh -c 'echo child $$; exec sleep 300' & exec sleep 300"
SHELL_WITH_CHILD = ("sh", "-c", "sleep 300 & echo child $!; wait")


def gone(pid: int, deadline: float = 20.0) -> bool:
    """Wait for the end of any process, ours or not."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], deadline)[0])
    finally:
        os.close(pidfd)


def start(loop: LoopThread, owner: str, *command: str, name: str = "thing") -> OwnedProcess:
    return loop.submit(launch(command, owner=owner, name=name)).result(30)


def said(loop: LoopThread, process: OwnedProcess, pattern: str, deadline: float = 20.0) -> str:
    return loop.submit(process.line(pattern, deadline)).result(deadline + 1).group(1)


async def exit_of(process: OwnedProcess) -> int:
    return await asyncio.wait_for(asyncio.shield(process.exited), 20)


def test_a_child_leads_its_own_group_and_session_and_carries_the_marker(loop: LoopThread, owner: str):
    process = start(loop, owner, "sleep", "300")
    assert os.getpgid(process.pid) == os.getsid(process.pid) == process.pid
    assert carries(process.pid, owner, "thing")
    assert not carries(process.pid, owner, "other")
    process.kill_group()
    assert gone(process.pid)


def test_a_child_sees_none_of_our_secrets(loop: LoopThread, owner: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "secret")
    monkeypatch.setenv("LC_TIME", "C")
    process = start(loop, owner, "sh", "-c", 'echo "[$SUPABASE_SERVICE_KEY|$LC_TIME]"; sleep 300')
    assert said(loop, process, r"\[(.*)\]") == "|C"


def test_killing_the_group_kills_grandchildren_too(loop: LoopThread, owner: str):
    process = start(loop, owner, *SHELL_WITH_CHILD)
    grandchild = int(said(loop, process, r"child (\d+)"))
    process.kill_group()
    assert loop.submit(exit_of(process)).result(30) == -signal.SIGKILL
    assert gone(grandchild)
    process.kill_group()  # once more is nothing


def test_a_leader_that_dies_takes_its_group_with_it(loop: LoopThread, owner: str):
    process = start(loop, owner, *SHELL_WITH_CHILD)
    grandchild = int(said(loop, process, r"child (\d+)"))
    os.kill(process.pid, signal.SIGKILL)
    assert loop.submit(exit_of(process)).result(30) == -signal.SIGKILL
    assert gone(grandchild)
    assert not process.alive


def test_an_exit_code_is_noticed_and_no_zombie_stays(loop: LoopThread, owner: str):
    process = start(loop, owner, "sh", "-c", "exit 7")
    assert loop.submit(exit_of(process)).result(30) == 7
    assert not Path(f"/proc/{process.pid}").exists()


def test_an_end_that_has_begun_shows(loop: LoopThread, owner: str):
    process = start(loop, owner, "sleep", "300")
    assert not process.dying
    process.kill_group()
    assert gone(process.pid)
    assert process.dying


def test_terminate_is_gentle_first_and_kills_after_its_deadline(loop: LoopThread, owner: str):
    gentle = start(loop, owner, "sh", "-c", "trap 'exit 3' TERM; echo on; while :; do sleep 0.01; done")
    said(loop, gentle, "(on)")
    assert loop.submit(gentle.terminate(5)).result(30) == 3
    stubborn = start(loop, owner, "sh", "-c", "trap '' TERM; echo on; while :; do sleep 0.01; done")
    said(loop, stubborn, "(on)")
    assert loop.submit(stubborn.terminate(0.1)).result(30) == -signal.SIGKILL


def test_a_stopped_process_can_be_killed(loop: LoopThread, owner: str):
    process = start(loop, owner, "sleep", "300")
    os.kill(process.pid, signal.SIGSTOP)
    process.kill_group()
    assert loop.submit(exit_of(process)).result(30) == -signal.SIGKILL


def test_waiting_for_a_line_ends_with_the_process_and_tells_what_it_said(loop: LoopThread, owner: str):
    process = start(loop, owner, "sh", "-c", "echo no such luck >&2; exit 1")
    with pytest.raises(ProcessError, match="no such luck"):
        loop.submit(process.line("ready", 20)).result(30)


def test_waiting_for_a_line_has_a_deadline(loop: LoopThread, owner: str):
    process = start(loop, owner, "sleep", "300")
    with pytest.raises(ProcessError, match="no output"):
        loop.submit(process.line("ready", 0.05)).result(30)


def test_what_cannot_be_started_says_so(loop: LoopThread, owner: str):
    with pytest.raises(ProcessError):
        start(loop, owner, "sh", "-c", "exit", name="x" * 200_000)  # too long for execve
    process = start(loop, owner, "/no/such/program")
    with pytest.raises(ProcessError, match="no/such/program"):
        loop.submit(process.line("ready", 20)).result(30)


def test_sweep_kills_groups_of_its_owner_and_name_only(loop: LoopThread, owner: str):
    mine = start(loop, owner, *SHELL_WITH_CHILD, name="mine")
    grandchild = int(said(loop, mine, r"child (\d+)"))
    other = start(loop, owner, "sleep", "300", name="other")
    assert set(sweep(owner, "mine")) == {mine.pid, grandchild}
    assert gone(grandchild, 0)
    assert other.alive
    assert sweep(owner) == [other.pid]
    assert sweep(owner) == []


def test_sweep_finds_what_has_left_its_group(loop: LoopThread, owner: str):
    process = start(loop, owner, "sh", "-c", SETSID_CHILD)
    stray = int(said(loop, process, r"child (\d+)"))
    process.kill_group()
    assert loop.submit(exit_of(process)).result(30) == -signal.SIGKILL
    assert sweep(owner) == [stray]


def test_sweep_never_kills_its_own_process(owner: str):
    code = f"from wahook.marks import sweep; print(sweep({owner!r}), 'alive')"
    environment = {**os.environ, "WAHOOK_OWNED": f"{owner}:service"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.strip() == "[] alive"


def test_owners_differ_by_data_directory(tmp_path: Path):
    assert owner_of(tmp_path / "a") != owner_of(tmp_path / "b")
    assert owner_of(tmp_path / "a" / ".." / "b") == owner_of(tmp_path / "b")


SERVICE = """
    import sys, time
    from wahook.loop import LoopThread
    from wahook.processes import launch
    loop = LoopThread("service")
    loop.start()
    command = ["sh", "-c", "echo on; exec sleep 300"]
    child = loop.submit(launch(command, owner=sys.argv[1], name="child")).result(30)
    loop.submit(child.line("on", 20)).result(30)
    print(child.pid, flush=True)
    time.sleep(300)
"""


def test_kill_9_of_a_service_takes_its_children_with_it(owner: str):
    service = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVICE), owner], stdout=subprocess.PIPE, text=True
    )
    assert service.stdout is not None
    with service.stdout as output:
        child = int(output.readline())
        assert carries(child, owner, "child")
        service.kill()
        service.wait(20)
    assert gone(child)


def test_the_end_of_the_loop_thread_takes_its_children_with_it(owner: str):
    thread = LoopThread("short-lived")
    thread.start()
    process = start(thread, owner, "sh", "-c", "echo on; exec sleep 300")
    said(thread, process, "(on)")
    assert thread.stop(20)
    assert gone(process.pid)
