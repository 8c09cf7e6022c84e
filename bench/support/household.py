"""The service and the simulator as an operator runs them, each in a process of its own, for benchmarks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import socketio

API = "/api/whatsapp/sessions"
KEY = "bench"
DEADLINE = 60.0
NO_LIMIT = "1000000/second"


@contextmanager
def running(command: list[str], says: str, **environment: str) -> Iterator[str]:
    """`wahook …` until the end of the block; what its log says after these words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wahook", *command],
        env={**os.environ, "LOG_LEVEL": "ERROR", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if says in line:
                break
        else:
            raise SystemExit(f"wahook {command[0]} ended with {process.wait()}")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield line.split(says)[1].strip()
    finally:
        process.terminate()
        process.wait(DEADLINE)


@dataclass
class Household:
    """A program's side of both. One loop."""

    service: str
    simulator: str
    data: Path
    http: aiohttp.ClientSession
    events: socketio.AsyncClient

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the service; what it answers must be a success."""
        url, headers = f"{self.service}{API}{path}", {"X-Api-Key": KEY, "Accept": "application/json"}
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            assert answer.status < 300, (path, answer.status, await answer.text())
            return await answer.json()

    async def phone(self, path: str, body: Any) -> Any:
        """Have a phone of the simulator do something."""
        async with self.http.post(f"{self.simulator}/sim/phones/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def ledger(self, account: str = "") -> list[dict[str, Any]]:
        """What reached the wire, in that order; `at` is Unix seconds."""
        query = {"account": account} if account else {}
        async with self.http.get(f"{self.simulator}/sim/ledger", params=query) as answer:
            return sorted(await answer.json(), key=lambda entry: entry["at"])

    async def linked(self, user: str, phone: str) -> str:
        """A session that is ready; its id."""
        session = (await self.call("POST", "", {"userId": user, "accountId": "1"}))["sessionId"]
        await self.until(session, "qr")
        code = (await self.call("GET", f"/{session}/qr"))["code"]
        await self.phone(f"{phone}/scan", {"code": code})
        await self.until(session, "ready")
        return str(session)

    async def until(self, session: str, status: str) -> None:
        """Wait for a session's status."""
        ends = time.monotonic() + DEADLINE
        while (await self.call("GET", f"/{session}"))["status"] != status:
            assert time.monotonic() < ends, f"{session} is not {status}"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def household(directory: Path, **environment: str) -> AsyncIterator[Household]:
    """No limits but the machine's. `directory` must be on a real disk: there the journal is flushed to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else both would outlive a bench that is ended
    with (
        tempfile.TemporaryDirectory(prefix="wahook-bench-", dir=directory) as data,
        running(["simulator", "--port", "0"], "simulator on ") as simulator,
        running(
            ["serve"],
            "listening on ",
            WAHOOK_DATA=data,
            WHATSAPP_URL=simulator,
            WAHOOK_API_KEY=KEY,
            PORT="0",
            SESSION_RATE_LIMIT=NO_LIMIT,
            USER_RATE_LIMIT=NO_LIMIT,
            MEMORY_LIMIT_MB="16000",
            **environment,
        ) as service,
    ):
        events = socketio.AsyncClient()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            await events.connect(service, auth={"apiKey": KEY}, transports=["websocket"])
            try:
                yield Household(service, simulator, Path(data), http, events)
            finally:
                await events.disconnect()
