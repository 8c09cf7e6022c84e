"""The interpreter exits, whatever its actors do."""

import subprocess
import sys

import pytest


def test_an_interpreter_with_an_unstopped_tree_exits(tmp_path):
    script = tmp_path / "left_running.py"
    script.write_text(
        "import time\n"
        "from supervision import Actor, ChildSpec, SupervisorSpec, System\n"
        "class Hang(Actor):\n"
        "    def handle(self, message): time.sleep(3600)\n"
        "system = System(SupervisorSpec((ChildSpec('a', Hang),)))\n"
        "system.start(5)\n"
        "system.handle('a').tell(1)\n"
        "time.sleep(0.1)\n"
    )
    done = subprocess.run([sys.executable, script], timeout=60, check=False, cwd=".")
    assert done.returncode == 0


EVERYTHING_HANGS = """
import logging, sys, threading, time
from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, System

logging.getLogger("supervision").setLevel(logging.CRITICAL + 1)
hung = threading.Semaphore(0)

def hang(*_):
    hung.release()
    time.sleep(3600)

def expect(many):
    for _ in range(many):
        if not hung.acquire(timeout=10):
            sys.exit(99)

class Handling(Actor):
    def handle(self, message):
        hang()

class Starting(Actor):
    def started(self):
        hang()

class Stopping(Actor):
    def stopping(self, exit):
        hang()

class Unkillable(Actor):
    def handle(self, message):
        self.context.kill_with(hang)
        hang()

class Crashing(Actor):
    def started(self):
        raise ValueError("again")

retry = BackOff(0.01, 0.02, retry_first_start=True)
classified = SupervisorSpec((ChildSpec("a", Handling, classify=hang),))
children = (
    ChildSpec("handling", Handling),
    ChildSpec("stopping", Stopping),
    ChildSpec("unkillable", Unkillable),
    ChildSpec("crashing", Crashing, backoff=retry),
    ChildSpec("classified", classified),
)
system = System(SupervisorSpec(children, intensity=1000), sample_every=0.01)
system.subscribe(hang)
system.start(10)
system.start_child("", ChildSpec("starting", Starting))
for name in ("handling", "unkillable"):
    system.handle(name).tell("work")
system.terminate_child("stopping")
expect(5)  # in all of the above and in the subscriber
system.handle("unkillable").kill("now")
system.handle("classified/a").kill("now")
expect(2)  # in what should have killed, and on a supervisor's own thread
system.snapshot().to_text()
if sys.argv[1] == "stop":
    if system.stop(0.1) or system.ended.result(1).kind.value != "killed":
        sys.exit(98)
if sys.argv[1] == "raise":
    raise ValueError("the main thread ends like this")
sys.exit(7)
"""


@pytest.mark.parametrize(("way", "code"), [("exit", 7), ("raise", 1), ("stop", 7)])
def test_whatever_hangs_the_interpreter_exits(tmp_path, way, code):
    script = tmp_path / "hangs.py"
    script.write_text(EVERYTHING_HANGS)
    done = subprocess.run(
        [sys.executable, script, way], timeout=50, check=False, cwd=".", capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
