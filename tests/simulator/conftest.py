"""A browser for the whole folder; a simulator and a DevTools connection for each test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from tests.ports import free_port
from wahook.simulator import Simulator, start_simulator

from .devtools import DEADLINE, BrowserProcess, DevTools, Tab, connected, temporary_profile

MINE, OTHER, OUTSIDE = "491700000001", "491700000002", "491700000003"
READY = (
    "WPP.conn.isAuthenticated() && WPP.whatsapp.Stream.mode === 'MAIN' "
    "&& WPP.whatsapp.Socket.state === 'CONNECTED'"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserProcess]:
    """One Chromium for all tests that do not kill it."""
    with temporary_profile() as profile:
        process = BrowserProcess(profile)
        yield process
        process.kill()


@pytest.fixture
def options() -> dict[str, Any]:
    """Override to start the simulator with other timings."""
    return {}


@pytest.fixture
async def simulator(options: dict[str, Any]) -> AsyncIterator[Simulator]:
    """A fresh simulator."""
    usual = {"port": free_port(), "sync_delay": 0.3, "delivery_after": 0.02}
    running = await start_simulator(**{**usual, **options})
    yield running
    await running.stop()


@pytest.fixture
async def devtools(browser: BrowserProcess) -> AsyncIterator[DevTools]:
    """A DevTools connection; its tabs are closed at the end."""
    async with connected(browser.endpoint) as connection:
        yield connection


async def eventually(check: Callable[[], Awaitable[bool]], deadline: float = DEADLINE) -> None:
    """Ask over and over, with a deadline, what can only be asked: another process's state."""
    async with asyncio.timeout(deadline):
        while not await check():
            await asyncio.sleep(0.01)


class Phones:
    """The control API, as a client sees it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Talk through this session."""
        self._session = session

    async def post(self, number: str, act: str, expect: int = 200, **body: Any) -> Any:
        """POST /sim/phones/{number}/{act}."""
        async with self._session.post(f"/sim/phones/{number}/{act}", json=body) as answer:
            data = await answer.json()
            assert answer.status == expect, data
            return data

    async def state(self, number: str) -> Any:
        """GET /sim/phones/{number}."""
        async with self._session.get(f"/sim/phones/{number}") as answer:
            return await answer.json()

    async def ledger(self, account: str | None = None) -> Any:
        """GET /sim/ledger."""
        async with self._session.get("/sim/ledger", params={"account": account} if account else {}) as answer:
            return await answer.json()

    async def settle(self, number: str, **wanted: Any) -> None:
        """Wait until the phone's state is as wanted."""

        async def settled() -> bool:
            state = await self.state(number)
            return all(state[name] == wish for name, wish in wanted.items())

        await eventually(settled)

    async def acks(self, message_id: str) -> list[int]:
        """The levels that the ledger has for an id."""
        entry = next(entry for entry in await self.ledger() if entry["id"] == message_id)
        return [ack["ack"] for ack in entry["acks"]]

    async def write(self, to: str, text: str, sender: str = OUTSIDE) -> str:
        """Somebody writes to an account; the message id."""
        return (await self.post(to, "messages", 201, **{"from": sender}, text=text))["id"]


@pytest.fixture
async def phones(simulator: Simulator) -> AsyncIterator[Phones]:
    """The simulated phones."""
    async with aiohttp.ClientSession(simulator.url) as session:
        yield Phones(session)


async def scan(tab: Tab, phones: Phones, number: str) -> None:
    """Scan what is on the page's screen."""
    code = await tab.until("document.querySelector('[data-ref]')?.dataset.ref")
    await phones.post(number, "scan", code=code)


async def link(tab: Tab, phones: Phones, number: str = MINE) -> None:
    """Scan, without waiting for wa-js first, and wait until all is connected, synced and ready."""
    await scan(tab, phones, number)
    await tab.until(f"WPP.isFullReady && {READY} && WPP.whatsapp.Socket.hasSynced")


PLAIN_READY = (
    "require('WAWebStreamModel').Stream.mode === 'MAIN' "
    "&& require('WAWebSocketModel').Socket.state === 'CONNECTED'"
)


def state(name: str) -> str:
    """The JavaScript that is true in this socket state, with or without wa-js."""
    return f"require('WAWebSocketModel').Socket.state === '{name}'"


def send_plainly(text: str, to: str) -> str:
    """The JavaScript that sends a text on a page without wa-js."""
    return (
        f"require('WAWebFindChatAction').findOrCreateLatestChat('{to}@c.us').then(({{ chat }}) => "
        f"require('WAWebSendTextMsgChatAction').sendTextMsgToChat(chat, {text!r}))"
    )


def message_here(key: str) -> str:
    """The JavaScript that gives the message model of a key, with or without wa-js."""
    return f"require('WAWebMsgCollection').MsgCollection.get('{key}')"


@pytest.fixture
async def plain(simulator: Simulator, devtools: DevTools, phones: Phones) -> Tab:
    """A linked page without wa-js, which is there a second sooner."""
    tab = await devtools.tab(simulator.url, wa_js=False)
    await scan(tab, phones, MINE)
    await tab.until(PLAIN_READY)
    return tab


@pytest.fixture
async def linked(simulator: Simulator, devtools: DevTools, phones: Phones) -> Tab:
    """A page that is linked to MINE, connected and synced."""
    tab = await devtools.tab(simulator.url)
    await link(tab, phones)
    return tab
