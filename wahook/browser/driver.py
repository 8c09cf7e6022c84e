"""Selenium: one ChromeDriver for all sessions, and a seat at it for each.

A dead or slow ChromeDriver never breaks a session: what Selenium does here DevTools can do too, and a seat
attaches anew by itself when a new ChromeDriver is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from selenium import webdriver
from selenium.webdriver.remote.client_config import ClientConfig

from actors.errors import Fault, ProcessError
from wahook.knocking import knock
from wahook.loop import LoopThread
from wahook.processes import OwnedProcess
from wahook.server_process import ServerProcess

T = TypeVar("T")
log = structlog.get_logger(__name__)

WORKERS = 4
PORT_TAKEN = "port not available"
PORT_TRIES = 4


class SeleniumFault(Fault):
    """Selenium or its ChromeDriver did not do it; the session is not worse for it."""


class ChromeDriver(ServerProcess):
    """The shared ChromeDriver (`actors.ports.ManagedProcess`)."""

    def __init__(self, path: Path, *, loop: LoopThread, owner: str) -> None:
        super().__init__(
            "chromedriver",
            loop=loop,
            owner=owner,
            command=lambda: (str(path), "--port=0", "--log-level=SEVERE"),
            ready=_listens,
            question=lambda: knock(self._port or 0, b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        )
        self._port: int | None = None
        # Selenium blocks: threads of its own, so that a hung call delays nobody but other Selenium calls.
        self.executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="selenium")

    @property
    def url(self) -> str | None:
        """Where it listens, None while it does not."""
        return f"http://127.0.0.1:{self._port}" if self.pid is not None and self._port else None

    async def _launch(self) -> OwnedProcess:
        """Until it listens. It asks for a free port under IPv6 and may find the same one taken under IPv4."""
        for tries_left in reversed(range(PORT_TRIES)):
            process = await super()._launch()
            try:
                match = await process.line(r"started successfully on port (\d+)", 10.0)
            except ProcessError:
                if not tries_left or PORT_TAKEN not in process.tail:
                    raise
                log.info("chromedriver.port_taken")
            else:
                self._port = int(match.group(1))
                break
        return process


async def _listens(_: OwnedProcess) -> None:
    """`_launch` has seen to it."""


class SeleniumSeat:
    """One browser's Selenium session. Lives on the browser loop; every call has a deadline."""

    def __init__(self, driver: ChromeDriver, debugger_address: str) -> None:
        self._driver = driver
        self._address = debugger_address
        self._remote: webdriver.Remote | None = None
        self._attached_to: int | None = None
        self._lock = asyncio.Lock()

    @property
    def attached(self) -> bool:
        return self._remote is not None and self._attached_to == self._driver.pid

    async def attach(self, deadline: float) -> None:
        """Attach to the ChromeDriver that lives now, unless that is done. SeleniumFault when it fails."""
        async with self._lock:
            if not self.attached:
                url, pid = self._driver.url, self._driver.pid
                if url is None:
                    raise SeleniumFault("no ChromeDriver is running")
                self._remote = await self._run(partial(_attach, url, self._address, deadline), deadline)
                self._attached_to = pid

    async def navigate(self, url: str, deadline: float) -> None:
        """Set off to `url` without waiting for it. SeleniumFault."""
        remote = await self._ready(deadline)
        await self._run(partial(remote.get, url), deadline)

    async def screenshot(self, deadline: float) -> bytes:
        """PNG of the viewport. SeleniumFault."""
        remote = await self._ready(deadline)
        return await self._run(remote.get_screenshot_as_png, deadline)

    async def leave(self, deadline: float = 2.0) -> None:
        """Have ChromeDriver forget this browser; never raises."""
        remote, self._remote = self._remote, None
        if remote is not None and self._attached_to == self._driver.pid:
            with suppress(SeleniumFault):
                await self._run(remote.quit, deadline)

    async def _ready(self, deadline: float) -> webdriver.Remote:
        await self.attach(deadline)
        if self._remote is None:
            raise SeleniumFault("the seat was left")
        return self._remote

    async def _run(self, function: Callable[[], T], deadline: float) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._driver.executor, function)
        try:
            async with asyncio.timeout(deadline):
                return await running
        except TimeoutError:
            raise SeleniumFault(f"no answer within {deadline:g} s") from None
        except Exception as error:  # urllib3's and Selenium's own trees share no base
            raise SeleniumFault(f"{type(error).__name__}: {str(error).splitlines()[:1]}") from error


def _attach(url: str, address: str, deadline: float) -> webdriver.Remote:
    options = webdriver.ChromeOptions()
    options.debugger_address = address
    options.page_load_strategy = "none"
    config = ClientConfig(remote_server_addr=url, keep_alive=True, timeout=max(1, int(deadline)))
    return webdriver.Remote(command_executor=url, options=options, client_config=config)
