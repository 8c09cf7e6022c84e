"""The whole service with a simulator, as programs outside meet it: over HTTP and sockets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import socketio
from aiohttp import web

from wahook.processes import owner_of
from wahook.service import Service
from wahook.settings import Settings
from wahook.simulator import SimulatorThread

API = "/api/whatsapp/sessions"
PATIENCE = 60.0


def settings_for(data: Path, simulator_url: str, **more: Any) -> Settings:
    """Quick where a test would only wait, with room for the tests' own process; else as it is shipped."""
    quick = {
        "memory_limit_mb": 8000,
        "reconnect_base_delay": 0.2,
        "session_rate_limit": "1000/second",
        "user_rate_limit": "1000/second",
    }
    return Settings(
        data=data,
        sessions_path=data / "whatsapp-sessions",
        whatsapp_url=simulator_url,
        port=0,
        api_key="the-key",
        **{**quick, **more},
    )


async def until(what: str, probe, patience: float = PATIENCE) -> Any:
    """The first true answer of an async probe, asked often; fails with what it was after the patience."""
    ends = time.monotonic() + patience
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < ends, f"{what}: not within {patience:g} s"
        await asyncio.sleep(0.03)


@dataclass
class Client:
    """A program that uses the service, and a hand on its phones."""

    base: str
    simulator_url: str
    http: aiohttp.ClientSession
    key: str = "the-key"
    sent: list[str] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = {"X-Api-Key": self.key, "Accept": "application/json", **headers}
        async with self.http.request(method, self.base + path, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, (
                await answer.json(content_type=None) if "json" in answer.content_type else text
            )

    async def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, found = await self.call(method, path, body, **headers)
        assert status < 300, (method, path, status, found)
        return found

    async def phone(self, path: str, body: Any = None) -> Any:
        async with self.http.post(f"{self.simulator_url}/sim/phones/{path}", json=body or {}) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def ledger(self, account: str | None = None) -> list[dict[str, Any]]:
        query = f"?account={account}" if account else ""
        async with self.http.get(f"{self.simulator_url}/sim/ledger{query}") as answer:
            return await answer.json()

    async def session(self, session_id: str) -> Any:
        return await self.ok("GET", f"{API}/{session_id}")

    async def status(self, session_id: str, *wanted: str, patience: float = PATIENCE) -> Any:
        async def reached():
            found = await self.session(session_id)
            return found if found["status"] in wanted else None

        return await until(f"{session_id} {wanted}", reached, patience)

    async def create(self, user: str = "1", account: str = "2", **config: Any) -> str:
        body = {"userId": user, "accountId": account} | ({"config": config} if config else {})
        return (await self.ok("POST", API, body))["sessionId"]

    async def link(self, session_id: str, phone: str) -> None:
        await self.status(session_id, "qr")
        qr = await self.ok("GET", f"{API}/{session_id}/qr")
        await self.phone(f"{phone}/scan", {"code": qr["code"]})
        await self.status(session_id, "ready")

    async def linked(self, user: str = "1", account: str = "2", phone: str = "491510000001") -> str:
        session_id = await self.create(user, account)
        await self.link(session_id, phone)
        return session_id

    async def send(self, session_id: str, to: str, text: str, **more: Any) -> Any:
        accepted = await self.ok("POST", f"{API}/{session_id}/messages", {"to": to, "text": text, **more})
        self.sent.append(accepted["waMessageId"])
        return accepted

    async def write(self, phone: str, sender: str, text: str) -> str:
        written = await self.phone(f"{phone}/messages", {"from": sender, "text": text})
        self.arrived.append(written["id"])
        return written["id"]

    async def incoming(self, session_id: str) -> list[Any]:
        found, cursor = [], ""
        while cursor is not None:
            tail = f"&cursor={cursor}" if cursor else ""
            page = await self.ok("GET", f"{API}/{session_id}/messages?direction=in&limit=1000{tail}")
            found += page["messages"]
            cursor = page["next"]
        return found[::-1]

    async def received(self, session_id: str, wa_message_id: str) -> None:
        """Wait until an incoming message is journaled."""

        async def here():
            return wa_message_id in [one["waMessageId"] for one in await self.incoming(session_id)]

        await until("the message is journaled", here)

    async def message(self, session_id: str, message_id: str) -> Any:
        return await self.ok("GET", f"{API}/{session_id}/messages/{message_id}")

    async def delivered(self, session_id: str, message_id: str) -> Any:
        async def arrived():
            row = await self.message(session_id, message_id)
            return row if row["status"] in ("sent", "delivered", "read") else None

        return await until(f"message {message_id}", arrived)

    async def on_wire(self) -> Counter:
        """How often each message id reached WhatsApp's server."""
        return Counter({entry["id"]: entry["count"] for entry in await self.ledger()})


@dataclass
class House:
    """A service in this process. `client` talks to it."""

    service: Service
    simulator: SimulatorThread
    client: Client
    events: list[tuple[str, dict]] = field(default_factory=list)
    _socket: Any = None

    async def listen(self, user: str | None = None) -> list[tuple[str, dict]]:
        """Connect over Socket.IO; what is heard gathers in `events`."""
        self._socket = socketio.AsyncClient()

        @self._socket.on("*")
        async def heard(name, payload=None):
            self.events.append((name, payload))

        auth = {"apiKey": "the-key"} | ({"userId": user} if user else {})
        await self._socket.connect(self.client.base, auth=auth, transports=["websocket"])
        return self.events

    async def heard(self, name: str, **wanted: Any) -> dict:
        """The first event of that name with those values."""

        async def found():
            for heard, payload in self.events:
                if heard == name and all(payload.get(key) == value for key, value in wanted.items()):
                    return payload
            return None

        return await until(f"event {name} {wanted}", found)

    def names(self, *only: str) -> list[str]:
        return [name for name, _ in self.events if not only or name in only]

    def pids(self, session_id: str) -> list[int]:
        node = self.service.system.snapshot().find(f"sessions/{session_id}/session")
        return (node.get("os") or {}).get("pids", []) if node else []

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.disconnect()


def ours(data: Path) -> list[str]:
    """The command lines of every live process that belongs to this data folder's service."""
    mark, found = f"WAHOOK_OWNED={owner_of(data)}:", []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(
                f"{name}={value}".startswith(mark) for name, value in process.environ().items()
            ):
                found.append(" ".join(process.cmdline())[:120])
        except psutil.Error:
            continue
    return found


@asynccontextmanager
async def serving(handler, port: int = 0, host: str = "127.0.0.1"):
    """A web server of somebody else's, on loopback; gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()
