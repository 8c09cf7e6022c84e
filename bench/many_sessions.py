"""Ten sessions, a thousand messages each, as fast as it goes; the ledger says what arrived, in what order.

    python -m bench.many_sessions [--sessions 10] [--messages 1000] [--directory DIR]

The floor, before it and on the same machine: as many pages without the service, each given its next message
when the last one was acknowledged. Nobody is limited.
"""

from __future__ import annotations

import asyncio
import time

from bench.support.direct import DirectPage, direct_pages
from bench.support.figures import load, parser
from bench.support.household import Household, household

FRIEND = "491769999999"
SILENCE = 60.0  # seconds without progress that end it
FLOOR_SHARE = 5  # the floor sends one of so many


async def floor(pages: list[DirectPage], count: int) -> float:
    """Messages a second."""

    async def one(page: DirectPage) -> None:
        for number in range(count):
            await page.send(FRIEND, f"number {number}")

    await asyncio.gather(*(page.send(FRIEND, "warm") for page in pages))
    began = time.time()
    await asyncio.gather(*map(one, pages))
    return len(pages) * count / (time.time() - began)


async def all_sent(house: Household, sessions: list[str], count: int) -> tuple[float, float]:
    """Accept all, wait until the last was sent. Seconds of the accepting, and when it began."""
    sent, changed = 0, asyncio.Event()

    async def heard(_: object) -> None:
        nonlocal sent
        sent += 1
        changed.set()

    house.events.on("message:sent", heard)
    messages = [{"to": FRIEND, "text": f"number {number}"} for number in range(count)]
    began = time.time()
    answers = await asyncio.gather(
        *(house.call("POST", f"/{one}/messages/bulk", {"messages": messages}) for one in sessions)
    )
    accepting = time.time() - began
    assert all(answer["accepted"] == count for answer in answers)
    while sent < count * len(sessions):
        changed.clear()
        await asyncio.wait_for(changed.wait(), SILENCE)
    return accepting, began


async def run(house: Household, phones: list[str], count: int) -> None:
    """Print what came of it."""
    async with direct_pages(house, [f"9{phone}" for phone in phones]) as pages:
        bare = await floor(pages, max(1, count // FLOOR_SHARE))
    sessions = [await house.linked(str(number), phone) for number, phone in enumerate(phones, 1)]
    accepting, began = await all_sent(house, sessions, count)
    ends = []
    for phone in phones:
        ledger = [entry for entry in await house.ledger(phone) if entry["from"] == phone]
        assert [entry["body"] for entry in ledger] == [f"number {number}" for number in range(count)]
        assert {entry["count"] for entry in ledger} == {1}
        ends.append(ledger[-1]["at"] - began)
    total = count * len(phones)
    print(f"{len(phones)} sessions x {count} messages, {load()}")
    print(f"floor: as many pages without the service  {bare:7.0f}/s")
    print(f"accepted, on disk                         {total / accepting:7.0f}/s")
    wire = total / max(ends)
    print(f"on the wire                               {wire:7.0f}/s, {wire / bare:.2f} x the floor")
    print(f"the first session was done after {min(ends):.1f} s, the last after {max(ends):.1f} s")
    print("each once, and each session's in order")


async def main() -> None:
    """Start everything."""
    options = parser(__doc__)
    options.add_argument("--sessions", type=int, default=10)
    options.add_argument("--messages", type=int, default=1000)
    given = options.parse_args()
    phones = [f"4915100000{number:02}" for number in range(1, given.sessions + 1)]
    async with household(given.directory) as house:
        await run(house, phones, given.messages)


if __name__ == "__main__":
    asyncio.run(main())
