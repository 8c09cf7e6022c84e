"""What makes a browser for a session. One Protocol, one maker for each way to have a browser.

`LocalMaker` launches a program of this machine: `chromium-headless-shell`, a full `chromium`, or one that is
to pass undetected, whose ChromeDriver comes from `stealth`. A remote Selenium Grid has its place beside it as
a maker of its own: whatever gives a process, a DevTools endpoint and an address for Selenium will do.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from actors.errors import ProcessError
from wahook.browser.finding import BrowserFinding
from wahook.browser.flags import arguments, headless, honest_user_agent
from wahook.browser.proxy import Proxy
from wahook.browser.singletons import release_dead_singletons
from wahook.processes import OwnedProcess, launch, sweep

log = structlog.get_logger(__name__)

LISTENING = r"DevTools listening on (ws://(127\.0\.0\.1:\d+)/\S+)"
SHELLS = frozenset({"sh", "dash", "bash"})
HELPER = Path("/usr/lib/chromium/chrome-sandbox")
CAP_SYS_ADMIN = 21
PROBE = "data:text/html,<script>document.write(navigator.userAgent)</script>"


@dataclass(frozen=True, slots=True)
class LaunchedBrowser:
    """A browser that answers: its process, its DevTools socket, and the address Selenium attaches to."""

    process: OwnedProcess
    endpoint: str
    debugger_address: str


class BrowserMaker(Protocol):
    """Coroutines run on the browser loop."""

    async def clean(self, name: str, profile: Path) -> None:
        """After its end: kill what has left its group, remove its lock. ProcessError when that fails."""
        ...

    async def launch(self, name: str, profile: Path, proxy: Proxy | None) -> LaunchedBrowser:
        """Kill what an earlier life of `name` left, then start on `profile`. ProcessError if it does not."""
        ...


class LocalMaker:
    """Launches a program of this machine. One for all sessions: its user agent is asked for once."""

    def __init__(self, finding: BrowserFinding, *, owner: str, start_deadline: float = 20.0) -> None:
        self.finding = finding
        self._owner = owner
        self._deadline = start_deadline
        self._user_agent: str | None = None
        self._asking = asyncio.Lock()
        self._sandbox: bool | None = None

    async def launch(self, name: str, profile: Path, proxy: Proxy | None = None) -> LaunchedBrowser:
        """Two incarnations never share a profile: sweep first, then the lock, if its holder is dead."""
        user_agent = await self.user_agent()
        await self.clean(name, profile)
        flags = arguments(
            self.finding.kind, profile, user_agent=user_agent, sandbox=await self._can_sandbox(), proxy=proxy
        )
        process = await launch([str(self.finding.path), *flags], owner=self._owner, name=name)
        try:
            match = await process.line(LISTENING, self._deadline)
        except BaseException:
            process.kill_group()
            raise
        if await asyncio.to_thread(program_name, process.pid) in SHELLS:
            log.warning("browser.behind_a_shell", consequence="it outlives a killed service")
        log.info("browser.launched", name=name, pid=process.pid, kind=self.finding.kind)
        return LaunchedBrowser(process, match.group(1), match.group(2))

    async def clean(self, name: str, profile: Path) -> None:
        await asyncio.to_thread(self._clean, name, profile)

    async def user_agent(self) -> str | None:
        """Chromium's own, Headless taken out; asked of the program itself, once. None if it will not say."""
        async with self._asking:
            if self._user_agent is None:
                self._user_agent = await self._ask()
        return self._user_agent

    async def _ask(self) -> str | None:
        scratch = await asyncio.to_thread(tempfile.mkdtemp, prefix="wahook-probe-")
        mode = headless(self.finding.kind)
        command = (
            *(str(self.finding.path), mode, "--disable-gpu", "--disable-dev-shm-usage"),
            *(() if await self._can_sandbox() else ("--no-sandbox",)),
            *(f"--user-data-dir={scratch}", "--dump-dom", PROBE),
        )
        process = await launch(command, owner=self._owner, name=f"probe:{Path(scratch).name}")
        try:
            said = await process.line(r"(Mozilla/5\.0 [^<]+)</body>", self._deadline)
            return honest_user_agent(said.group(1))
        except ProcessError as error:
            log.warning("browser.user_agent_unknown", reason=str(error)[:500])
            return None
        finally:
            process.kill_group()
            await process.ended(1.0)
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    def _clean(self, name: str, profile: Path) -> None:
        sweep(self._owner, name)
        profile.mkdir(mode=0o700, parents=True, exist_ok=True)
        release_dead_singletons(profile)

    async def _can_sandbox(self) -> bool:
        if self._sandbox is None:
            self._sandbox = await asyncio.to_thread(sandbox_available)
        return self._sandbox


def program_name(pid: int) -> str:
    """What a process runs; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def sandbox_available(
    *, root: bool | None = None, namespaces: Callable[[], bool] | None = None, status: str | None = None
) -> bool:
    """Can Chromium sandbox itself here: never as root, else with user namespaces or by its setuid helper.

    Asked of the kernel, not of its settings: containers refuse what the settings allow. Blocking, some ms.
    """
    if os.geteuid() == 0 if root is None else root:
        return False
    if (namespaces or _user_namespaces)():
        return True
    return HELPER.exists() and _may_administer(status or _own_status())


def _user_namespaces() -> bool:
    try:
        tried = subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True, timeout=2)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def _own_status() -> str:
    return Path("/proc/self/status").read_text(encoding="ascii", errors="replace")


def _may_administer(status: str) -> bool:
    """Whether a setuid program started here could get CAP_SYS_ADMIN, which the helper needs."""
    bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bounding is not None and bool(int(bounding[1], 16) >> CAP_SYS_ADMIN & 1)
