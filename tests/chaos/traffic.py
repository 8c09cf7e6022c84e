"""One session's correspondence: sends and receives without end, and never gives an acceptance up."""

from __future__ import annotations

import asyncio
import random
import time
from uuid import uuid4

import aiohttp

from tests.service.house import API, Client

AGAIN = 0.05  # seconds between two tries to reach a service that is down
PATIENCE = 120.0


class Traffic:
    """`sent`: WhatsApp ids in the order of acceptance; `written`: (id, sender) in the order of writing."""

    def __init__(self, client: Client, session_id: str, phone: str, rng: random.Random) -> None:
        self.client = client
        self.session_id = session_id
        self.phone = phone
        self.friends = tuple(f"4917{phone[-3:]}000{number}" for number in range(2))
        self.sent: list[str] = []
        self.messages: dict[str, str] = {}  # WhatsApp id → messageId
        self.written: list[tuple[str, str]] = []
        self.surprises: list[str] = []
        self._rng = rng
        self._order = asyncio.Lock()
        self._order_in = asyncio.Lock()
        self._running = True

    async def run(self) -> None:
        """Until `stop`."""
        while self._running:
            await self.send()
            await self.write()
            await asyncio.sleep(self._rng.uniform(0.1, 0.6))

    def stop(self) -> None:
        """After what is under way."""
        self._running = False

    async def send(self) -> tuple[str, str]:
        """One message out: asked for with one key until it is accepted. (messageId, WhatsApp id)."""
        async with self._order:
            friend = self._rng.choice(self.friends)
            body = {"to": friend, "text": f"out {len(self.sent)}"}
            accepted = await self.insist(
                "POST", f"{API}/{self.session_id}/messages", body, **{"Idempotency-Key": uuid4().hex}
            )
            self.sent.append(accepted["waMessageId"])
            self.messages[accepted["waMessageId"]] = accepted["messageId"]
            return accepted["messageId"], accepted["waMessageId"]

    async def write(self) -> str:
        """One message in."""
        async with self._order_in:
            friend = self._rng.choice(self.friends)
            body = {"from": friend, "text": f"in {len(self.written)}"}
            written = await self.client.phone(f"{self.phone}/messages", body)
            self.written.append((written["id"], friend))
            return written["id"]

    async def insist(self, method: str, path: str, body: object = None, **headers: str):
        """A request to a service that may be down for a while."""
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                status, answer = await asyncio.wait_for(self.client.call(method, path, body, **headers), 20)
            except (aiohttp.ClientError, TimeoutError):
                status, answer = 0, None
            if 0 < status < 300:
                return answer
            if status not in (0, 503, 504):
                self.surprises.append(f"{method} {path.rsplit('/', 1)[-1]}: {status} {answer}")
            assert time.monotonic() < ends, (method, path, status, answer)
            await asyncio.sleep(AGAIN)

    async def probe(self) -> None:
        """Return once a message sent now was taken by WhatsApp and one written now is in the journal."""
        (message_id, _), written = await asyncio.gather(self.send(), self.write())
        await asyncio.gather(self._out(message_id), self._in(written))

    async def _out(self, message_id: str) -> None:
        path = f"{API}/{self.session_id}/messages/{message_id}"
        while (row := await self.insist("GET", path))["status"] not in ("sent", "delivered", "read"):
            if row["status"] == "failed":
                return  # kept, and an operator's to retry: the verdict sees to it
            await asyncio.sleep(AGAIN)

    async def _in(self, written: str) -> None:
        path = f"{API}/{self.session_id}/messages?direction=in&limit=100"
        while all(one["waMessageId"] != written for one in (await self.insist("GET", path))["messages"]):
            await asyncio.sleep(AGAIN)

    async def unsettled(self) -> str:
        """What is still missing at the end; failed messages are retried, as an operator would."""
        wire = await self.client.on_wire()
        arrived = {one["waMessageId"] for one in await self.client.incoming(self.session_id)}
        missing_in = [one for one, _ in self.written if one not in arrived]
        missing_out = [one for one in self.sent if not wire[one]]
        return f"{len(missing_out)} out, {len(missing_in)} in" if missing_in or missing_out else ""
