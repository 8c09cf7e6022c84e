"""The command, as an operator runs it."""

import json
import os
import subprocess
import sys

import pytest

from wahook.simulator import SimulatorThread


def doctor(data, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wahook", "doctor", *arguments],
        env={**os.environ, "WAHOOK_DATA": str(data), "PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.browser
def test_a_sound_machine_gets_all_ticks_and_nothing_is_left_behind(tmp_path):
    with SimulatorThread() as simulator:
        done = doctor(tmp_path / "data", WHATSAPP_URL=simulator.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert done.stdout.count("✓") >= 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.browser
def test_a_failure_is_an_exit_code_and_secrets_are_never_shown(tmp_path):
    done = doctor(
        tmp_path / "data",
        "--json",
        WHATSAPP_URL="http://127.0.0.1:1",
        REDIS_URL="redis://:hush-redis@127.0.0.1:1",
        DATABASE_URL="postgresql://wahook:hush-database@127.0.0.1:1/wahook",
        WAHOOK_API_KEY="hush-key",
    )
    assert done.returncode == 1
    told = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    failed = {name for name, state in told.items() if state == "failed"}
    assert failed == {"redis", "database", "network"}
    assert "hush" not in done.stdout + done.stderr
