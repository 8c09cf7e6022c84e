"""A service in a process of its own, to be killed: sends ten messages, and kills itself at a fault point.

python -m tests.outbox.child FOLDER URL SEAM COUNT: SIGKILL when SEAM is passed for the COUNTth time; it
ends by itself when nothing is left to send. What reaches the wire is appended to FOLDER/wire.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from actors.messages import Enqueue, SendMessage
from tests.outbox.conftest import eventually
from tests.outbox.house import SESSION, House, Phone, living

MESSAGES = 10


class WirePhone(Phone):
    """Its wire is a file, so that it outlives the process."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self.wire = file.read_text(encoding="utf-8").split() if file.exists() else []

    def take(self, request: SendMessage) -> object:
        known = len(self.wire)
        answer = super().take(request)
        with self._file.open("a", encoding="utf-8") as opened:
            opened.writelines(f"{line}\n" for line in self.wire[known:])
        return answer


def main(folder: Path, url: str, seam: str, at: int) -> None:
    with living(House(folder, url)) as house:
        passed = count(1)

        def kill(name: str) -> None:
            if name == seam and next(passed) == at:
                os.kill(os.getpid(), signal.SIGKILL)

        house.seam = kill
        house.phones[str(SESSION)] = WirePhone(folder / "wire")
        first_life = not house.journal.reader.accounts()
        house.add()
        rows = [house.accept(str(number)) for number in range(MESSAGES)] if first_life else []
        for row in rows:
            house.tell(Enqueue(row))
        eventually(lambda: not house.journal.reader.undone())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
