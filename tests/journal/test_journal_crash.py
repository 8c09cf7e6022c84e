"""kill -9 in the middle of traffic: what was answered is on disk, whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wahook.journal import open_journal

from . import postgres

CHILD = Path(__file__).with_name("accepting_child.py")


def killed_after(url: str, answers: int) -> set[str]:
    """Run the child, kill it in mid-traffic, and return all ids it had been answered for."""
    ours, theirs = os.pipe()
    child = subprocess.Popen([sys.executable, str(CHILD), url, str(theirs)], pass_fds=[theirs])
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        try:
            answered = [pipe.readline() for _ in range(answers)]
        finally:
            child.kill()
        rest = pipe.readlines()
    child.wait(10)
    return {line.strip() for line in [*answered, *rest] if line.endswith("\n")}


@pytest.mark.parametrize("answers", [1, 100, 400])
def test_every_answered_message_survives_kill_9(sqlite_url: str, answers: int):
    answered = killed_after(sqlite_url, answers)
    assert len(answered) >= answers
    with open_journal(sqlite_url) as journal:
        stored = {one.message_id for one in journal.reader.undone()}
        assert answered <= stored
        assert len(stored - answered) <= 8  # at most one per client was committed and not yet answered
        assert journal.damage() == []


def test_every_answered_message_survives_kill_9_on_postgresql(server: postgres.Server):
    url = server.create("killed")
    answered = killed_after(url, 100)
    with open_journal(url) as journal:
        assert answered <= {one.message_id for one in journal.reader.undone()}
