"""A program that knows the contract and nothing of the code, and `wahook serve` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from tests.service.house import ours, until

QUICK = {"PORT": "0", "RECONNECT_BASE_DELAY": "0.2", "SESSION_RATE_LIMIT": "1000/second",
         "USER_RATE_LIMIT": "1000/second", "MEMORY_LIMIT_MB": "8000"}  # fmt: skip


@dataclass
class Answer:
    """What came back. `json` is None for anything else."""

    status: int
    type: str
    body: bytes
    json: Any
    headers: Any


@dataclass
class Outside:
    """`base` and `sim` are URLs, `said` is what the service wrote at its start."""

    base: str
    sim: str
    key: str
    said: list[str]
    http: aiohttp.ClientSession
    environment: dict[str, str]
    events: list[tuple[str, dict]] = field(default_factory=list)
    misheard: list[tuple[str, dict]] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """With the key unless `key` says otherwise; `accept`, `headers`; `raw` is a body as it is."""
        headers = {"X-Api-Key": more.get("key", self.key), "Accept": more.get("accept", "application/json")}
        headers = {name: value for name, value in {**headers, **more.get("headers", {})}.items() if value}
        wanted = {"data": more["raw"]} if "raw" in more else {"json": body} if body is not None else {}
        url = path if "://" in path else self.base + path
        async with self.http.request(method, url, headers=headers, **wanted) as answer:
            raw = await answer.read()
            found = await answer.json(content_type=None) if raw and "json" in answer.content_type else None
            return Answer(answer.status, answer.content_type, raw, found, answer.headers)

    async def ok(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer that must have this status."""
        answer = await self.ask(method, path, body, **more)
        assert answer.status == status, (method, path, answer.status, answer.body[:500])
        return answer.json

    async def phone(self, path: str, body: Any = None, status: int = 200) -> Any:
        """POST to the simulator's phones."""
        return await self.ok("POST", f"{self.sim}/sim/phones/{path}", body or {}, status)

    async def listen(self, **auth: str) -> socketio.AsyncClient:
        """A Socket.IO client; what it hears gathers in `events` if it is user u1's, else in `misheard`."""
        client = socketio.AsyncClient(reconnection=False)

        @client.on("*")
        async def heard(name: str, payload: dict) -> None:
            (self.events if auth.get("userId") == "u1" else self.misheard).append((name, payload))

        await client.connect(self.base, auth={"apiKey": self.key, **auth})
        return client

    async def heard(self, name: str, **wanted: Any) -> dict:
        """The first event of that name with these values, once it is there."""

        async def found() -> dict | None:
            for heard, payload in self.events:
                if heard == name and all(payload.get(key) == value for key, value in wanted.items()):
                    return payload
            return None

        return await until(f"{name} {wanted}", found)

    def events_of(self, name: str) -> list[dict]:
        """The payloads of what was heard under that name."""
        return [payload for heard, payload in self.events if heard == name]

    async def status(self, session: str, wanted: str) -> dict:
        """The session once it has this status."""

        async def reached() -> dict | None:
            found = await self.ok("GET", f"/api/whatsapp/sessions/{session}")
            return found if found["status"] == wanted else None

        return await until(f"{session} {wanted}", reached)


def started(*command: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """`wahook …` in a process of its own."""
    call = [sys.executable, "-m", "wahook", *command]
    return subprocess.Popen(call, env=env, stderr=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """What it says on stderr up to the line with this word."""
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if word in line:
            return said
    raise AssertionError(f"it ended with {process.wait(10)}: {said[-5:]}")


def ended(process: subprocess.Popen[str]) -> int:
    """Ask it to end, as a service manager does; its exit code."""
    process.terminate()
    try:
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return process.returncode


@asynccontextmanager
async def outside(data: Path, sim: str):
    """A service on this data folder, from its first start to its last trace."""
    environment = {**os.environ, **QUICK, "WAHOOK_DATA": str(data), "WHATSAPP_URL": sim}
    environment.pop("WAHOOK_API_KEY", None)
    process = started("serve", env=environment)
    try:
        said = await asyncio.wait_for(asyncio.to_thread(lines_until, process, "API key"), 60)
        drain = asyncio.create_task(asyncio.to_thread(process.stderr.read))
        base = next(line.split("listening on ")[1] for line in said if "listening on " in line)
        key = (data / "api-key").read_text().strip()
        async with aiohttp.ClientSession() as http:
            environment = {**environment, "PORT": base.rpartition(":")[2]}
            yield Outside(base, sim, key, said, http, environment)
        process.terminate()
        await asyncio.wait_for(drain, 30)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert ours(data) == []
