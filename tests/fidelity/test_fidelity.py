"""Unmodified third-party clients work on the simulator. `make fidelity` installs them and runs this."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from wahook.simulator import Simulator, start_simulator

HERE = Path(__file__).parent
NODE = shutil.which("node", path=f"{HERE}/node/node_modules/.bin:{os.environ['PATH']}") or "node"
MINE, OUTSIDE = "491700000001", "491700000003"
DEADLINE = 60.0
SYNC = 2.0  # seconds; clients listen for the end of the sync some time after they have seen the connection
CLIENTS = {"wppconnect.js": "from wppconnect", "wwebjs.js": "from whatsapp-web.js"}

pytestmark = [
    pytest.mark.fidelity,
    pytest.mark.skipif(not (HERE / "node_modules").exists(), reason="not installed: run make fidelity"),
]


class Client:
    """One client script: its JSON lines, and the end of its whole process group."""

    def __init__(self, process: asyncio.subprocess.Process, profile: Path) -> None:
        """Read from this process; its browser is known by the profile."""
        self._process = process
        self._profile = profile
        self.seen: list[tuple[str, Any]] = []

    async def next(self, event: str, **wanted: Any) -> Any:
        """The value of the next such event; AssertionError with all that came when it does not."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._find(event, wanted)
        except TimeoutError:
            raise AssertionError(f"no {event} in {DEADLINE} s, but {self.seen}") from None

    async def _find(self, event: str, wanted: dict[str, Any]) -> Any:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if not line.startswith(b'{"event"'):
                continue
            told = json.loads(line)
            self.seen.append((told["event"], told.get("value")))
            value = told.get("value")
            if told["event"] == event and all(value.get(name) == wish for name, wish in wanted.items()):
                return value
        raise AssertionError(f"the client ended without {event}: {self.seen}")

    async def end(self) -> None:
        """Kill the script, then its browser, which it has put into a process group of its own."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        mine = [process for process in psutil.process_iter(["cmdline"]) if self._is_mine(process)]
        for process in mine:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(mine, DEADLINE)

    def _is_mine(self, process: psutil.Process) -> bool:
        return any(str(self._profile) in argument for argument in process.info["cmdline"] or [])


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A simulator that also speaks TLS."""
    running = await start_simulator(tls_port=0, sync_delay=SYNC)
    yield running
    await running.stop()


async def start(script: str, simulator: Simulator, profile: Path) -> Client:
    """Run a client script in a process group of its own."""
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(HERE / script),
        chromium,
        str(simulator.tls_port),
        str(profile),
        OUTSIDE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
        cwd=profile,
    )
    return Client(process, profile)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("script", CLIENTS)
async def test_the_client_links_sends_text_and_image_receives_and_finds_its_login_again(
    script, simulator, tmp_path
):
    async with aiohttp.ClientSession(simulator.url) as http:
        client = await start(script, simulator, tmp_path)
        try:
            code = await client.next("qr")
            async with http.post(f"/sim/phones/{MINE}/scan", json={"code": code}) as answer:
                assert answer.status == 200, await answer.text()
            assert MINE in await client.next("linked")
            keys = [await client.next("sent"), await client.next("image")]
            await client.next("ack", ack=2)
            async with http.get("/sim/ledger") as answer:
                text, image = await answer.json()
            assert (text["body"], text["to"], text["count"]) == (CLIENTS[script], OUTSIDE, 1)
            assert (image["type"], image["body"], image["count"]) == ("image", "A dot", 1)
            assert [entry["id"] for entry in (text, image)] == [key.split("_")[2] for key in keys]
            body = {"from": OUTSIDE, "text": "to the client"}
            async with http.post(f"/sim/phones/{MINE}/messages", json=body) as answer:
                assert answer.status == 201
            received = await client.next("received", body="to the client")
            assert received["from"] == f"{OUTSIDE}@c.us"
        finally:
            await client.end()
        again = await start(script, simulator, tmp_path)
        try:
            assert MINE in await again.next("linked")
            assert "qr" not in [event for event, _ in again.seen]
        finally:
            await again.end()
