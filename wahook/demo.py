"""The main job on stage: service and simulator in one process, one phone, a kill, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from actors import tree
from wahook.service import Service
from wahook.settings import Settings
from wahook.simulator import SimulatorThread

PHONE = "4915112345678"
FRIEND = "4917698765432"
STEP_DEADLINE = 60.0
API = "/api/whatsapp/sessions"


class DemoFailed(Exception):
    """A step did not come out as it should."""


class Stage:
    """Talks to the service over REST, as any program would, and to the phones over their control API."""

    def __init__(self, service: Service, simulator_url: str, http: aiohttp.ClientSession) -> None:
        self.service = service
        self.base = f"http://{service.address}"
        self.simulator_url = simulator_url
        self._http = http
        self._key = {"X-Api-Key": service.key.text}

    async def api(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON. DemoFailed with the problem on an error."""
        headers = {**self._key, "Accept": "application/json"}
        async with self._http.request(method, self.base + path, json=body, headers=headers) as answer:
            if answer.status >= 400:
                raise DemoFailed(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def phone(self, path: str, body: object) -> Any:
        """Have a simulated phone do something."""
        async with self._http.post(f"{self.simulator_url}/sim/phones/{path}", json=body) as answer:
            if answer.status >= 400:
                raise DemoFailed(f"the phone refused {path}: {await answer.text()}")
            return await answer.json()

    async def ledger(self) -> list[dict[str, Any]]:
        """What reached the simulated wire."""
        async with self._http.get(f"{self.simulator_url}/sim/ledger") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found


async def until(what: str, probe: Callable[[], Awaitable[Any]]) -> Any:
    """The probe's first true answer. DemoFailed after a minute."""
    ends = time.monotonic() + STEP_DEADLINE
    while time.monotonic() < ends:
        if found := await probe():
            return found
        await asyncio.sleep(0.02)
    raise DemoFailed(f"{what}: not within {STEP_DEADLINE:g} s")


class Demo:
    """The steps, each told with its time."""

    def __init__(self, stage: Stage, console: Console, began: float) -> None:
        self._stage = stage
        self._console = console
        self._began = began
        self._last = began
        self._id = ""

    def tell(self, text: str) -> None:
        """One line: seconds since the beginning, seconds that this step took, what happened."""
        now = time.monotonic()
        self._console.print(
            f"[dim]{now - self._began:6.2f} s[/]  [cyan]+{now - self._last:5.2f}[/]  [green]✓[/] {text}"
        )
        self._last = now

    async def run(self) -> None:
        """All of it. DemoFailed at the first thing that is not as it should be."""
        self.tell("service and simulator are up")
        await self._link()
        await self._talk()
        meanwhile = await self._kill()
        await self._come_back(meanwhile)

    async def _session(self, status: str) -> Any:
        session = await self._stage.api("GET", f"{API}/{self._id}")
        return session if session["status"] == status else None

    async def _link(self) -> None:
        session = await self._stage.api("POST", API, {"userId": "demo", "accountId": "1"})
        self._id = session["sessionId"]
        await until("QR code", lambda: self._session("qr"))
        qr = await self._stage.api("GET", f"{API}/{self._id}/qr")
        self.tell("the session shows its QR code")
        await self._stage.phone(f"{PHONE}/scan", {"code": qr["code"]})
        await until("ready", lambda: self._session("ready"))
        self.tell("a phone scanned it: the session is ready")

    async def _talk(self) -> None:
        sent = await self._stage.api(
            "POST", f"{API}/{self._id}/messages?wait=30", {"to": FRIEND, "text": "Hello from wahook"}
        )
        on_wire = [one for one in await self._stage.ledger() if one["id"] == sent["waMessageId"]]
        if [one["count"] for one in on_wire] != [1]:
            raise DemoFailed(f"the message is {sent['status']} and was on the wire {on_wire}")
        self.tell(f"a message went out ({sent['status']}), once on the wire")
        received = await self._stage.phone(f"{PHONE}/messages", {"from": FRIEND, "text": "Hello back"})
        await until("answer", lambda: self._received(received["id"]))
        self.tell("the answer came in and is journaled")

    async def _received(self, message_id: str) -> list[Any]:
        page = await self._stage.api("GET", f"{API}/{self._id}/messages?direction=in&limit=1000")
        return [one for one in page["messages"] if one.get("waMessageId", one.get("id")) == message_id]

    async def _kill(self) -> str:
        found = self._stage.service.system.snapshot().find(tree.session_path(self._id))
        pid = (found or {}).get("os", {}).get("pids", [0])[0]
        os.kill(pid, signal.SIGKILL)
        self.tell(f"Chromium (pid {pid}) was killed with -9")
        lost = await self._stage.phone(f"{PHONE}/messages", {"from": FRIEND, "text": "Are you still there?"})
        return str(lost["id"])

    async def _come_back(self, meanwhile: str) -> None:
        await until("reconnecting", self._restarted)
        await until("ready again", lambda: self._session("ready"))
        self.tell("the session is ready again, by itself and without a QR code")
        await until("the message that came meanwhile", lambda: self._received(meanwhile))
        copies = await self._received(meanwhile)
        if len(copies) != 1:
            raise DemoFailed(f"the message that came meanwhile is here {len(copies)} times")
        self.tell("the message that came meanwhile is here, exactly once")

    async def _restarted(self) -> bool:
        session = await self._stage.api("GET", f"{API}/{self._id}")
        return bool(session["restarts"]) or session["status"] == "reconnecting"


def run_demo(*, once: bool, console: Console | None = None) -> int:
    """The demo; 0 when every step came out, else 1. Without `once` it stays up until it is interrupted."""
    console = console or Console(highlight=False)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wahook-demo-") as folder, SimulatorThread() as simulator:
        data = Path(folder)
        ours: dict[str, Any] = {
            "data": data,
            "sessions_path": data / "whatsapp-sessions",
            "whatsapp_url": simulator.url,
            "redis_url": None,
            "database_url": None,
        }
        if once:
            ours["port"] = 0
        service = Service(Settings(**ours))
        service.start()
        try:
            return asyncio.run(_show(service, simulator.url, console, began, once=once))
        finally:
            service.stop()


async def _show(service: Service, simulator_url: str, console: Console, began: float, *, once: bool) -> int:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as http:
        stage = Stage(service, simulator_url, http)
        try:
            await Demo(stage, console, began).run()
        except (DemoFailed, aiohttp.ClientError, TimeoutError) as error:
            console.print(f"[red]✗ {error}[/]")
            return 1
        finally:
            console.print()
            console.print(service.system.snapshot().to_text(), markup=False, soft_wrap=True)
        if not once:
            _tell_where(stage, console)
            await _until_interrupted()
        return 0


def _tell_where(stage: Stage, console: Console) -> None:
    console.print(f"\n  dashboard   {stage.base}/\n  API         {stage.base}/docs")
    console.print(f"  simulator   {stage.simulator_url}/\n  API key     {stage.service.key.text}")
    console.print("\n  Ctrl-C ends it.")


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
