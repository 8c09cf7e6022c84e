"""Run as a process of its own by test_webhooks_killed: messages arrive and are delivered until it is killed.

The id of each message that is journaled goes to the pipe given by its number, in one unbuffered write.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from tests.webhooks.house import House

CHATS = 5


async def main(data: str, url: str, pipe: int) -> None:
    """As fast as the journal answers, in several chats at once."""
    house = House(Path(data)).start()
    await house.account(url)

    async def chat(number: int) -> None:
        for _ in itertools.count():
            (message,) = await house.arrive(1, f"491700{number}")
            os.write(pipe, f"{message}\n".encode())

    await asyncio.gather(*(chat(number) for number in range(CHATS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
