"""The edge's way to what pages know (`edge.ports.Pages`): asked, or remembered from a while ago."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Protocol

from actors.errors import RuleBroken
from actors.model import JSON, NumberStatus
from actors.page import AskPage, PageCall
from wahook.journal.reader import JournalReader
from wahook.page_cache import PageCache


class PageAsker(Protocol):
    """Asks a session, waking it if need be."""

    async def ask_page(self, session_id: str, question: AskPage) -> JSON: ...

    async def number_status(self, session_id: str, number: str) -> NumberStatus: ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how many seconds answers are remembered."""

    contacts: float = 3600.0
    present: float = 86400.0  # a number that is on WhatsApp
    absent: float = 900.0


@dataclass(frozen=True, slots=True)
class PageDesk:
    """Coroutines for any loop."""

    page: PageAsker
    cache: PageCache
    reader: JournalReader
    keeping: Keeping = Keeping()

    async def ask(self, session_id: str, call: PageCall, arguments: dict[str, JSON]) -> JSON:
        """The page's answer; that of `contacts` may be an hour old."""
        if call is PageCall.CONTACTS:
            return await self._contacts(session_id)
        answer = await self.page.ask_page(session_id, AskPage(call, arguments))
        if call is PageCall.BLOCK:
            await asyncio.to_thread(self.cache.forget, session_id, "number", str(arguments["contact"]))
            await asyncio.to_thread(self.cache.forget, session_id, "contacts")
        return answer

    async def _contacts(self, session_id: str) -> JSON:
        known = await self._remembered(session_id, "contacts", "")
        if known is None:
            known = await self.page.ask_page(session_id, AskPage(PageCall.CONTACTS))
            await asyncio.to_thread(self.cache.put, session_id, "contacts", "", known, self.keeping.contacts)
        return known

    async def number_status(self, session_id: str, number: str) -> NumberStatus:
        """Whether a number is on WhatsApp; the answer may be a day old, a negative one some minutes."""
        known = await self._remembered(session_id, "number", number)
        if isinstance(known, dict):
            return NumberStatus(**known)  # type: ignore[arg-type]
        status = await self.page.number_status(session_id, number)
        seconds = self.keeping.present if status.exists else self.keeping.absent
        await asyncio.to_thread(self.cache.put, session_id, "number", number, asdict(status), seconds)
        return status

    async def _remembered(self, session_id: str, kind: str, name: str) -> JSON:
        if await asyncio.to_thread(self.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")
        return await asyncio.to_thread(self.cache.get, session_id, kind, name)
