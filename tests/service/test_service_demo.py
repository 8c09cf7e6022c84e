"""`wahook demo --once`, the first command of the README: its steps, and its exit code."""

import os
import subprocess
import sys

import pytest


def demo(**environment: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "wahook", "demo", "--once"]
    env = {**os.environ, **environment}
    return subprocess.run(call, env=env, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.browser
def test_the_demo_goes_through_the_main_job_and_says_that_it_went_well():
    done = demo()
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line for line in done.stdout.splitlines() if "✓" in line]
    assert len(steps) == 8
    assert "was killed with -9" in steps[5]
    assert "exactly once" in steps[7]
    assert "user_demo_wa_1" in done.stdout


def test_a_demo_that_cannot_start_says_so_in_one_line_and_by_its_exit_code():
    done = demo(CHROMIUM_PATH="/nowhere/chromium")
    assert done.returncode == 1
    assert done.stderr.startswith("wahook: CHROMIUM_PATH names no program")
    assert done.stderr.count("\n") == 1
