"""Watching from outside: masking, process samples, stack dumps."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from supervision import Actor, ChildSpec, SupervisorSpec, System, install_stack_dump
from supervision.masking import masked, masked_traceback
from supervision.sampler import Sampler
from supervision.stacks import write_stacks


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("chat 4917012345678@c.us", "chat …78@c.us"),
        ("call +49 (170) 123-4567 now", "call …67 now"),
        ("user_12_wa_345", "user_12_wa_345"),
        ("port 41213 pid 999999", "port 41213 pid 999999"),
        ("3EB0A1B2C3D4E5F60718", "3EB0A1B2C3D4E5F60718"),
        ("took 12.34567890123 s", "took 12.34567890123 s"),
        ("", ""),
    ],
)
def test_what_looks_like_a_phone_number_is_masked_and_the_rest_is_not(text, safe):
    assert masked(text) == safe


def test_long_texts_are_cut():
    assert len(masked("x" * 1000)) == 200


def test_tracebacks_are_masked_line_by_line():
    with pytest.raises(ValueError, match="number") as caught:
        int("number 4917012345678")
    text = masked_traceback(caught.value)
    assert "…78" in text
    assert "4917012345678" not in text


@pytest.fixture
def family():
    """A process that leads its own session and has a child."""
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'"
        "], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
    process.stdout.close()


def test_memory_is_sampled_over_the_whole_family_as_pss(family):
    sampler = Sampler(lambda: {"a": (family.pid,)})
    sampler.sample()
    sample = sampler.samples["a"]
    assert sample.processes == 2
    assert 2**20 < sample.pss <= sample.rss
    assert sample.cpu_pct is None
    sampler.sample()
    assert sampler.samples["a"].cpu_pct >= 0


def test_processes_that_are_gone_count_nothing():
    sampler = Sampler(lambda: {"a": (2**22 + 1,)})
    sampler.sample()
    assert (sampler.samples["a"].processes, sampler.samples["a"].pss) == (0, 0)


def test_a_sampler_remembers_nobody_who_is_gone():
    watched = {"a": (os.getpid(),), "b": (os.getpid(),)}
    sampler = Sampler(lambda: watched)
    sampler.sample()
    del watched["a"]
    sampler.sample()
    assert list(sampler._ticks) == ["b"]


def test_samples_reach_the_dump_from_the_background(family):
    class Owner(Actor):
        def started(self):
            self.context.processes(family.pid)

    with System(SupervisorSpec((ChildSpec("a", Owner),)), sample_every=0.02) as system:
        deadline = time.monotonic() + 30
        while system.snapshot().find("a")["os"]["pss"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        seen = system.snapshot().find("a")["os"]
        assert seen["pids"] == [family.pid]
        assert seen["processes"] == 2
        assert "pss" in system.snapshot().to_text()


def test_a_sampler_whose_source_raises_goes_on(caplog):
    rounds = []

    def watched():
        rounds.append(1)
        raise RuntimeError("source")

    sampler = Sampler(watched, every=0.005)
    sampler.start()
    deadline = time.monotonic() + 30
    while len(rounds) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    sampler.close()
    assert "sampler.failed" in caplog.text


def test_a_signal_writes_all_actor_stacks_to_the_log(caplog):
    gate = threading.Event()

    class Stuck(Actor):
        def handle(self, message):
            gate.wait(30)

    uninstall = install_stack_dump(signal.SIGUSR1, logging.getLogger("supervision.stacks"))
    try:
        with System(SupervisorSpec((ChildSpec("stuck-one", Stuck),))) as system:
            system.handle("stuck-one").tell("x")
            while system.handle("stuck-one").stamp().message_type is None:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGUSR1)
            deadline = time.monotonic() + 30
            while "stacks.actor stuck-one#1" not in caplog.text or "gate.wait(30)" not in caplog.text:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            gate.set()
        for thread in threading.enumerate():
            if thread.name == "stack-dump":
                thread.join(5)
    finally:
        uninstall()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_stacks_can_be_written_at_any_time(caplog):
    with System(SupervisorSpec((ChildSpec("a", Actor),))):
        assert write_stacks(logging.getLogger("supervision.stacks")) >= 3
    assert caplog.text.index("stacks.actor a#1") < caplog.text.index("stacks.thread MainThread")


def test_the_kernel_knows_an_actors_thread_by_name():
    with System(SupervisorSpec((ChildSpec("named", Actor),))) as system:
        native = system.handle("named").cell.thread.native_id
        comm = f"/proc/self/task/{native}/comm"
        deadline = time.monotonic() + 30
        while open(comm).read().strip() != "named#1":  # noqa: PTH123, SIM115
            assert time.monotonic() < deadline
