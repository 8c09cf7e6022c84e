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
            owner = await self._owner(session_id)
            await asyncio.to_thread(
                self.cache.forget, session_id, "number", f"{owner}:{arguments['contact']}"
            )
            await asyncio.to_thread(self.cache.forget, session_id, "contacts", owner)
        return answer

    async def _contacts(self, session_id: str) -> JSON:
        owner = await self._owner(session_id)
        known = await asyncio.to_thread(self.cache.get, session_id, "contacts", owner)
        if known is None:
            known = await self.page.ask_page(session_id, AskPage(PageCall.CONTACTS))
            await asyncio.to_thread(
                self.cache.put, session_id, "contacts", owner, known, self.keeping.contacts
            )
        return known

    async def number_status(self, session_id: str, number: str) -> NumberStatus:
        """Whether a number is on WhatsApp; the answer may be a day old, a negative one some minutes."""
        name = f"{await self._owner(session_id)}:{number}"
        known = await asyncio.to_thread(self.cache.get, session_id, "number", name)
        if isinstance(known, dict):
            return NumberStatus(**known)  # type: ignore[arg-type]
        status = await self.page.number_status(session_id, number)
        seconds = self.keeping.present if status.exists else self.keeping.absent
        await asyncio.to_thread(self.cache.put, session_id, "number", name, asdict(status), seconds)
        return status

    async def _owner(self, session_id: str) -> str:
        """Whose phone it is: what another one knew, that was linked here before, is not this one's to see."""
        account = await asyncio.to_thread(self.reader.account, session_id)
        if account is None:
            raise RuleBroken("unknown_session", "there is no such session")
        return account.phone_number or ""
