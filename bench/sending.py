"""From a REST request to WhatsApp's wire, without limits, beside the same call into a page made directly.

    python -m bench.sending [--messages 200] [--directory DIR]

One message at a time, in turns: one by `POST …/messages`, one directly. Both end when the simulator's server
has the message (its ledger's time; all processes read one clock). The client is a bare one, since what a
richer one does before it writes to its socket is not ours. On the way by REST the message is written to the
journal and flushed twice (accepted, begun); two such commits by themselves take their turn too, after the
same pause: what is done seldom takes longer than what is repeated at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from http.client import HTTPConnection

from bench.support.direct import DirectPage, direct_pages
from bench.support.figures import Commits, line, load, parser, percentile
from bench.support.household import API, DEADLINE, KEY, Household, household

PHONE, DIRECT, FRIEND = "491510000001", "491510000002", "491769999999"
PAUSE = 0.15  # seconds: what follows a message (its receipts) must not meet the next one


class Rest:
    """Sends by REST; waits for `message:sent`."""

    def __init__(self, house: Household, session: str) -> None:
        self._http = HTTPConnection(house.service.removeprefix("http://"), timeout=DEADLINE)
        self._path = f"{API}/{session}/messages"
        self._sent: set[str] = set()
        self._changed = asyncio.Event()
        house.events.on("message:sent", self._heard)

    async def _heard(self, payload: dict[str, str]) -> None:
        self._sent.add(payload["messageId"])
        self._changed.set()

    async def send(self, text: str) -> tuple[str, float, float]:
        """WhatsApp's id, when it began, and when it was accepted."""
        body = json.dumps({"to": FRIEND, "text": text}).encode()
        began = time.time()
        self._http.request("POST", self._path, body, {"X-Api-Key": KEY, "Content-Type": "application/json"})
        with self._http.getresponse() as answer:
            row = json.load(answer)
        accepted = time.time()
        async with asyncio.timeout(DEADLINE):
            while row["messageId"] not in self._sent:
                self._changed.clear()
                await self._changed.wait()
        return row["waMessageId"], began, accepted


async def run(house: Household, page: DirectPage, count: int) -> None:
    """Print the table."""
    rest = Rest(house, await house.linked("1", PHONE))
    for number in range(10):  # the chat, connections and caches
        await rest.send(f"warm {number}")
        await page.send(FRIEND, f"warm {number}")
    sent, direct, flushed, floor_of = [], [], [], Commits(house.data)
    for number in range(count):
        await asyncio.sleep(PAUSE)
        sent.append(await rest.send(f"number {number}"))
        await asyncio.sleep(PAUSE)
        direct.append(await page.send(FRIEND, f"number {number}"))
        await asyncio.sleep(PAUSE)
        flushed.append(floor_of.take(2))
    ledger = await house.ledger()
    assert all(entry["count"] == 1 for entry in ledger)
    at = {entry["id"]: entry["at"] for entry in ledger}
    floor = [at[stanza] - began for stanza, began in direct]
    wire = [at[stanza] - began for stanza, began, _ in sent]
    print(f"{count} each, {load()}")
    print(line("floor: call into the page -> wire", floor))
    print(line("floor: two commits by sqlite3", flushed))
    print(line("REST -> 202, on disk", [accepted - began for _, began, accepted in sent]))
    print(line("REST -> wire", wire, floor))
    own = percentile(wire, 50) - percentile(floor, 50) - percentile(flushed, 50)
    print(f"own overhead at p50, the commits aside: {own:.2f} ms (aim: under 5)")


async def main() -> None:
    """Start everything."""
    options = parser(__doc__)
    options.add_argument("--messages", type=int, default=200)
    given = options.parse_args()
    async with household(given.directory) as house, direct_pages(house, [DIRECT]) as (page,):
        await run(house, page, given.messages)


if __name__ == "__main__":
    asyncio.run(main())
