"""`wahook serve` in a process of its own, which can be killed, and is started again on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from tests.ports import free_port
from tests.service.house import Client, until

START = 60.0

# Short where a person would wait; the watchdog above all, so that a hang is healed in seconds.
SETTINGS = {
    "WAHOOK_API_KEY": "the-key",
    "LOG_FORMAT": "json",
    "SESSION_RATE_LIMIT": "1000/second",
    "USER_RATE_LIMIT": "1000/second",
    "DUPLICATE_WINDOW": "0",
    "RECONNECT_BASE_DELAY": "0.2",
    "RECONNECT_MAX_DELAY": "2",
    "RECONNECT_MAX_ATTEMPTS": "100",
    "HEARTBEAT_INTERVAL": "5",
    "WATCHDOG_INTERVAL": "2",
    "ACTIVITY_INTERVAL": "3",
    "PAGE_CALL_DEADLINE": "4",
    "SEND_DEADLINE": "8",
    "OPEN_DEADLINE": "20",
    "STOP_DEADLINE": "5",
    "MEMORY_LIMIT_MB": "4000",  # its refusals have tests of their own
}


class Household:
    """The service's process. `client` stays valid over its restarts."""

    def __init__(self, data: Path, log: Path, simulator_url: str, http: aiohttp.ClientSession) -> None:
        self.data = data
        self.log = log
        self.port = free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}", simulator_url, http)
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """While it lives."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> float:
        """Start it and wait until it answers; the seconds that took."""
        began = time.monotonic()
        environment = {
            **os.environ,
            **SETTINGS,
            "WAHOOK_DATA": str(self.data),
            "WHATSAPP_URL": self.client.simulator_url,
            "PORT": str(self.port),
        }
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wahook", "serve"], env=environment, stdout=log, stderr=log
            )
        await until("the service answers", self._answers, START)
        return time.monotonic() - began

    async def _answers(self) -> bool:
        assert self.pid is not None, f"the service ended: {self.tail()}"
        try:
            async with self.client.http.get(f"{self.client.base}/livez") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def end(self, number: int, patience: float = 30.0) -> int:
        """Send it a signal and wait for its end; its return code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, patience)

    async def pause(self, seconds: float) -> None:
        """It stands still, with all its threads."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)  # real time is the subject
        finally:
            self._process.send_signal(signal.SIGCONT)

    def abandon(self) -> None:
        """At the very end, whatever happened before."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
