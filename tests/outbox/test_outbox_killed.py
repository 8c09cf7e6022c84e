"""The service killed with SIGKILL at every step of a send, by the file that counts what reached the wire."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from actors.model import MessageStatus
from tests.outbox.child import MESSAGES
from tests.outbox.house import SESSION
from tests.outbox.test_outbox_faults import SEAMS
from wahook.journal import open_journal


def live(folder: Path, url: str, seam: str, at: int) -> int:
    command = [sys.executable, "-m", "tests.outbox.child", str(folder), url, seam, str(at)]
    return subprocess.run(command, timeout=60, check=False).returncode


@pytest.mark.chaos
@pytest.mark.parametrize("seam", SEAMS)
def test_a_service_killed_at_a_step_of_a_send_loses_and_doubles_nothing(
    tmp_path: Path, url: str, seam: str
) -> None:
    assert live(tmp_path, url, seam, 4) == -signal.SIGKILL
    assert live(tmp_path, url, seam, 2) == -signal.SIGKILL
    assert live(tmp_path, url, "never", 0) == 0
    with open_journal(f"sqlite:///{tmp_path / 'journal.db'}") as journal:
        page = journal.reader.page(str(SESSION), limit=100).messages
    in_order = list(reversed(page))
    assert {message.status for message in in_order} == {MessageStatus.SENT}
    wire = (tmp_path / "wire").read_text(encoding="utf-8").split()
    assert wire == [message.wa_message_id for message in in_order]
    assert Counter(wire).most_common(1)[0][1] == 1
    assert len(wire) == MESSAGES
