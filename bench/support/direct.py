"""The floor of all that goes through a page: the same calls into one, made without the service."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from actors.messages import MessageArrived, PageEvent, QrShown, StateChanged
from actors.model import OutgoingMessage
from bench.support.household import DEADLINE, Household
from wahook.drafts import new_stanza_id
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.factory import Browsers

E = TypeVar("E")


class DirectPage:
    """A page that is linked to a phone. `heard_at`: when it told of each incoming message, Unix seconds."""

    def __init__(self, client: PageClient) -> None:
        self._client = client
        self._events: list[PageEvent] = []
        self._changed = threading.Condition()
        self.heard_at: dict[str, float] = {}

    async def link(self, house: Household, phone: str) -> None:
        """Open it and scan its code."""
        await asyncio.wrap_future(self._client.open(1, self._emit))
        code = await asyncio.to_thread(self._wait, QrShown)
        await house.phone(f"{phone}/scan", {"code": code.code})
        await asyncio.to_thread(self._connected)

    async def send(self, to: str, text: str) -> tuple[str, float]:
        """Send, and wait for the server's acknowledgement; the id, and when it began."""
        stanza = new_stanza_id()
        message = OutgoingMessage(f"msg_{stanza}", "direct", to, text, stanza)
        began = time.time()
        await asyncio.wrap_future(self._client.send(message, DEADLINE))
        return stanza, began

    async def heard(self, message_id: str) -> float:
        """When it told of this message."""
        return await asyncio.to_thread(self._heard, message_id)

    async def close(self) -> None:
        """End its browser."""
        await asyncio.wrap_future(self._client.close())

    def _emit(self, event: PageEvent) -> None:
        now = time.time()
        with self._changed:
            if isinstance(event, MessageArrived):
                self.heard_at[event.message.wa_message_id] = now
            else:
                self._events.append(event)
            self._changed.notify_all()

    def _heard(self, message_id: str) -> float:
        with self._changed:
            assert self._changed.wait_for(lambda: message_id in self.heard_at, DEADLINE), "it told nothing"
            return self.heard_at[message_id]

    def _wait(self, kind: type[E]) -> E:
        with self._changed:
            assert self._changed.wait_for(lambda: self._all(kind), DEADLINE), f"no {kind.__name__}"
            return self._all(kind)[0]

    def _all(self, kind: type[E]) -> list[E]:
        return [event for event in self._events if isinstance(event, kind)]

    def _connected(self) -> None:
        def is_connected() -> bool:
            return any(one.state.connected for one in self._all(StateChanged))

        with self._changed:
            assert self._changed.wait_for(is_connected, DEADLINE), "it does not connect"


@asynccontextmanager
async def direct_pages(house: Household, phones: list[str]) -> AsyncIterator[list[DirectPage]]:
    """One for each phone, linked."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    loop = LoopThread("direct")
    loop.start()
    folder = house.data / "direct"
    settings = Settings(data=folder, whatsapp_url=house.simulator)
    browsers = Browsers.from_settings(settings, loop)
    try:
        async with AsyncExitStack() as stack:
            pages = [_made(browsers, folder, phone) for phone in phones]
            for page, phone in zip(pages, phones, strict=True):
                stack.push_async_callback(page.close)
                await page.link(house, phone)
            yield pages
    finally:
        loop.stop(5)


def _made(browsers: Browsers, folder: Path, phone: str) -> DirectPage:
    return DirectPage(browsers.client(f"user_{phone}_wa_1", folder / phone))
