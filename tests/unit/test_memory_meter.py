"""Measuring the service's memory, against real processes and against control groups made of files."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import psutil
import pytest

from actors.errors import MemoryShort
from actors.memory import MemoryReport
from actors.memory_policy import Level
from wahook.edge.problems import problem_of
from wahook.headroom import Headroom
from wahook.memory import CgroupMeter, ProcessMeter, choose_meter, give_back

MB = 1024**2
HUNGRY = "import sys; held = bytearray(64 * 2**20); held[::4096] = b'x' * len(held[::4096]); print(); input()"
MEASURING = f"""
import subprocess, sys
from wahook.memory import ProcessMeter
before = ProcessMeter().read()
pipes = {{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}}
with subprocess.Popen([sys.executable, "-c", {HUNGRY!r}], **pipes) as child:
    child.stdout.readline()
    after = ProcessMeter().read()
    child.communicate(b"\\n")
print(after.tree - before.tree, after.rss - before.rss)
"""


def test_the_memory_of_children_counts_in_the_tree_and_not_in_the_process():
    """In a process of its own: this one may have other children, browsers, that grow and shrink."""
    done = subprocess.run([sys.executable, "-c", MEASURING], capture_output=True, text=True, check=True)
    tree, rss = map(int, done.stdout.split())
    assert 60 * MB < tree < 90 * MB
    assert rss < 20 * MB


def test_the_process_s_own_memory_is_what_the_system_says():
    assert ProcessMeter().read().rss == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def group(folder, *pids, charged=300 * MB, inactive=100 * MB):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.current").write_text(f"{charged}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {inactive}\n")
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))


def member(tmp_path, text):
    (tmp_path / "membership").write_text(text)
    return tmp_path / "membership"


@pytest.mark.parametrize("place", ["", "system.slice/wahook.service"])
def test_a_group_that_is_all_ours_is_measured_without_pages_the_kernel_would_drop(tmp_path, place):
    group(tmp_path / "cg" / place, os.getpid(), os.getppid())
    meter = choose_meter(tmp_path / "cg", member(tmp_path, f"0::/{place}\n"))
    assert meter.read().tree == 200 * MB


def test_a_group_of_the_first_version_is_measured_too(tmp_path):
    folder = tmp_path / "cg" / "memory" / "docker" / "1"
    group(folder, os.getpid())
    (folder / "memory.current").rename(folder / "memory.usage_in_bytes")
    (folder / "memory.stat").write_text(f"cache 5\ntotal_inactive_file {50 * MB}\n")
    meter = choose_meter(tmp_path / "cg", member(tmp_path, "9:cpu,memory:/docker/1\n0::/\n"))
    assert meter.read().tree == 250 * MB


def test_a_group_with_others_in_it_says_nothing_of_us(tmp_path):
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    group(tmp_path / "cg", os.getpid(), int(gone.stdout))  # no child of ours, and no ancestor
    assert isinstance(choose_meter(tmp_path / "cg", member(tmp_path, "0::/\n")), ProcessMeter)


@pytest.mark.parametrize("text", ["", "0::/\n", "nonsense\n", "9:memory:/nowhere\n"])
def test_without_a_group_that_can_be_read_the_processes_are_counted(tmp_path, text):
    assert isinstance(choose_meter(tmp_path / "none", member(tmp_path, text)), ProcessMeter)


def test_a_group_that_vanishes_is_no_error(tmp_path):
    meter = CgroupMeter(tmp_path, "memory.current", "inactive_file")
    assert meter.read().tree > MB


def test_what_this_process_does_not_use_is_given_back():
    held = [bytearray(4096) for _ in range(40_000)]
    full = ProcessMeter().read().rss
    held.clear()
    give_back()
    assert full - ProcessMeter().read().rss > 100 * MB


def report(level):
    return MemoryReport(datetime.now(UTC), 1, 2, 3, level)


def test_only_a_full_service_refuses_and_says_when_to_come_again():
    room = Headroom()
    room.admit()
    assert room.fields() == {}
    for level in (Level.EASY, Level.TIGHT):
        room.publish(report(level))
        room.admit()
    room.publish(report(Level.FULL))
    with pytest.raises(MemoryShort) as refusal:
        room.admit()
    problem = problem_of(refusal.value)
    assert (problem.status, problem.code, problem.headers["Retry-After"]) == (503, "memory", "60")
    assert room.fields() == {"tree": 2, "limit": 3, "level": "full"}
