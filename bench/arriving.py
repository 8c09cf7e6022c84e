"""From a message that somebody writes to Socket.IO and to a webhook, beside a page without the service.

    python -m bench.arriving [--messages 200] [--directory DIR]

One at a time, in turns: one to the service's session, one to a page whose events we hear directly (the
floor: nothing but the page and DevTools). All begin when the simulator's server has the message. The service
has it on disk (one commit with its webhook's delivery) before it tells anybody.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from bench.support.direct import DirectPage, direct_pages
from bench.support.figures import Commits, line, load, parser
from bench.support.household import DEADLINE, Household, household

PHONE, DIRECT, FRIEND = "491510000001", "491510000002", "491769999999"
PAUSE = 0.1  # seconds


class Ears:
    """When each message was heard, by whom, Unix seconds."""

    def __init__(self) -> None:
        self.socket: dict[str, float] = {}
        self.webhook: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def on_socket(self, payload: dict[str, str]) -> None:
        """Socket.IO."""
        self._note(self.socket, payload["id"])

    async def on_webhook(self, request: web.Request) -> web.Response:
        """A receiver."""
        body = await request.json()
        if body["event"] == "message:received":
            self._note(self.webhook, body["payload"]["id"])
        return web.Response()

    def _note(self, where: dict[str, float], message_id: str) -> None:
        where[message_id] = time.time()
        self._changed.set()

    async def both(self, message_id: str) -> None:
        """Wait until both have it."""
        async with asyncio.timeout(DEADLINE):
            while not (message_id in self.socket and message_id in self.webhook):
                self._changed.clear()
                await self._changed.wait()


async def run(house: Household, page: DirectPage, ears: Ears, count: int) -> None:
    """Print the table."""
    house.events.on("message:received", ears.on_socket)
    await house.linked("1", PHONE)
    ids: list[str] = []
    directly: dict[str, float] = {}
    floor_of, flushed = Commits(house.data), []
    for number in range(10 + count):
        await asyncio.sleep(PAUSE)
        written = await house.phone(f"{PHONE}/messages", {"from": FRIEND, "text": f"number {number}"})
        await ears.both(written["id"])
        await asyncio.sleep(PAUSE)
        other = await house.phone(f"{DIRECT}/messages", {"from": FRIEND, "text": f"number {number}"})
        heard = await page.heard(other["id"])
        await asyncio.sleep(PAUSE)
        commits = floor_of.take(1)
        if number >= 10:  # before: the chat, connections and caches
            ids.append(written["id"])
            directly[other["id"]] = heard
            flushed.append(commits)
    at = {entry["id"]: entry["at"] for entry in await house.ledger()}
    floor = [heard - at[one] for one, heard in directly.items()]
    print(f"{count} each, {load()}")
    print(line("floor: wire -> the page's event, heard", floor))
    print(line("floor: a commit by sqlite3 (there is one)", flushed))
    print(line("wire -> Socket.IO", [ears.socket[one] - at[one] for one in ids], floor))
    print(line("wire -> webhook", [ears.webhook[one] - at[one] for one in ids], floor))


async def main() -> None:
    """Start everything."""
    options = parser(__doc__)
    options.add_argument("--messages", type=int, default=200)
    given = options.parse_args()
    ears = Ears()
    app = web.Application()
    app.router.add_post("/", ears.on_webhook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    open_to_us = {"WEBHOOKS": url, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    async with household(given.directory, **open_to_us) as house, direct_pages(house, [DIRECT]) as (page,):
        await run(house, page, ears, given.messages)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
