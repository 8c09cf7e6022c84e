"""A root for profiles, a key, a profile like Chromium's, and a browser on a profile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.simulator.conftest import PLAIN_READY, Phones, scan
from tests.simulator.devtools import DEADLINE, BrowserProcess, DevTools, Tab, connected
from wahook.profiles import ProfileKey, Profiles
from wahook.simulator import Simulator, start_simulator

SESSION = "user_1_wa_2"
LEAN = (
    "--no-zygote",
    "--in-process-gpu",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    "--enable-features=NetworkServiceInProcess2",
)
LOGGED_IN = f"({PLAIN_READY} && 'in') || (document.querySelector('[data-ref]') && 'out')"


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    """An empty root."""
    return Profiles(tmp_path / "sessions")


@pytest.fixture
def key() -> ProfileKey:
    """Some key."""
    return ProfileKey.parse("0123456789abcdef" * 4)


def made_database(folder: Path) -> Path:
    """A LevelDB database as Chromium leaves it right after its first write: no table yet, one log."""
    folder.mkdir(parents=True)
    (folder / "CURRENT").write_bytes(b"MANIFEST-000001\n")
    (folder / "MANIFEST-000001").write_bytes(record(b"\x01\x08idb_cmp1\x02\x00\x03\x02\x04\x00"))
    (folder / "000003.log").write_bytes(record(b"first") + record(b"second"))
    (folder / "LOCK").touch()
    (folder / "LOG").write_text("notes")
    return folder


def record(body: bytes) -> bytes:
    """A full record of a LevelDB log; nobody here checks its checksum."""
    return bytes(4) + len(body).to_bytes(2, "little") + b"\x01" + body


def made_profile(path: Path) -> Path:
    """A profile with both databases and some caches."""
    made_database(path / "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb")
    made_database(path / "Default/Local Storage/leveldb")
    (path / "Default/Preferences").write_text("{}")
    for cache in (
        "Default/Cache/Cache_Data",
        "Default/GPUCache",
        "ShaderCache",
        "Default/Service Worker/Database",
    ):
        (path / cache).mkdir(parents=True)
        (path / cache / "data_1").write_bytes(b"x" * 100_000)
    return path


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A fresh simulator."""
    running = await start_simulator(sync_delay=0.05, delivery_after=0.02)
    yield running
    await running.stop()


@pytest.fixture
async def phones(simulator: Simulator) -> AsyncIterator[Phones]:
    """The simulated phones."""
    async with aiohttp.ClientSession(simulator.url) as session:
        yield Phones(session)


@contextlib.asynccontextmanager
async def browsing(profile: Path, url: str, *arguments: str) -> AsyncIterator[tuple[DevTools, Tab]]:
    """A lean Chromium on this profile with one tab; killed at the end if it has not ended by then."""
    process = BrowserProcess(profile, *LEAN, *arguments)
    try:
        async with connected(process.endpoint) as devtools:
            yield devtools, await devtools.tab(url, wa_js=False, own_context=False)
            if devtools._reader.done():  # it was asked to quit: it still flushes
                await asyncio.to_thread(process._process.wait, DEADLINE)
    finally:
        process.kill()


async def quit_gently(devtools: DevTools) -> None:
    """Ask Chromium to flush and end; `browsing` waits for the end."""
    await devtools.call("Browser.close")
    await devtools._reader


async def log_in(profile: Path, simulator: Simulator, phones: Phones, number: str) -> None:
    """Scan the code with a phone, then close the browser as the service does."""
    async with browsing(profile, simulator.url) as (devtools, tab):
        await scan(tab, phones, number)
        await tab.until(PLAIN_READY)
        await quit_gently(devtools)


async def is_logged_in(profile: Path, url: str, *arguments: str) -> bool:
    """Whether the page comes up without a code."""
    async with browsing(profile, url, *arguments) as (_, tab):
        return await tab.until(LOGGED_IN) == "in"
