"""Run as a process of its own by test_webhooks_killed: messages arrive and are edited until it is killed.

The id of each message that is journaled goes to the pipe given by its number, in one unbuffered write.
"""

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path

import sqlalchemy as sa

from actors.messages import RecordIncoming
from actors.page import NoticeArrived, Noticed
from tests.webhooks.house import SESSION, House

CHATS = 5


def die_after(engine: sa.Engine, commits: int) -> None:
    """Be killed at the moment in which so many more commits are on disk, and nobody knows of the last."""
    left = itertools.count(commits - 1, -1)

    def checkin(*_: object) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(engine, "checkin", checkin)


def edit(message: str, sender: str) -> NoticeArrived:
    """Its sender changes its text."""
    return NoticeArrived(Noticed.EDITED, message, f"{sender}@c.us", sender, 1, body="better", mark="1")


async def main(data: str, urls: str, pipe: int, commits: int) -> None:
    """As fast as the journal answers, in several chats at once. `commits` 0: until killed."""
    house = House(Path(data)).start()
    await house.account(*urls.split(","))
    if commits:
        die_after(house.journal.engines.write, commits)

    async def chat(number: int) -> None:
        for _ in itertools.count():
            (message,) = await house.arrive(1, f"491700{number}")
            os.write(pipe, f"{message}\n".encode())
            await house.write(RecordIncoming(SESSION, (edit(message, f"491700{number}"),)))

    await asyncio.gather(*(chat(number) for number in range(CHATS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
