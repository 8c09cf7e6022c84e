"""The edge's way to files (`edge.ports.Media`): what is not on the volume is asked of the page."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from actors.errors import DomainError, Fault, RuleBroken, SendRefused
from actors.model import JSON
from actors.page import AskPage, PageCall
from wahook import references
from wahook.edge.ports import MediaFile
from wahook.journal.incoming import REVOKED
from wahook.journal.reader import JournalReader
from wahook.media.fetching import MediaFetcher
from wahook.media.links import Links
from wahook.media.store import Stored

PIECE = 2**18  # bytes that the page is asked for at once
OPEN_DEADLINE = 60.0  # seconds in which the page downloads a file from WhatsApp


class PageAsker(Protocol):
    """Asks a session's page, waking the session if need be."""

    async def ask_page(self, session_id: str, question: AskPage) -> JSON: ...


@dataclass(frozen=True, slots=True)
class MediaDesk:
    """Coroutines for any loop. `links` remembers which file belongs to which incoming message."""

    fetcher: MediaFetcher
    links: Links
    reader: JournalReader
    page: PageAsker
    _busy: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)

    async def save(
        self, session_id: str, pieces: AsyncIterator[bytes], said: str | None, filename: str | None
    ) -> Stored:
        """A file that a client uploads. RuleBroken: "unknown_session", "media_too_large", "media_invalid"."""
        await self._session(session_id)
        return await self.fetcher.save(pieces, said, filename)

    async def stored(self, session_id: str, media_id: str) -> MediaFile:
        """A file by its id, whichever session it was uploaded for. RuleBroken: "unknown_…"."""
        await self._session(session_id)
        return _file(self, await asyncio.to_thread(self.fetcher.store.find, media_id))

    async def of_message(self, session_id: str, named: str) -> MediaFile:
        """A message's file, downloaded if need be. RuleBroken, SendRefused("media_gone"), SessionNotReady."""
        if named.startswith("msg_"):
            return await self._sent(session_id, named)
        reference = await asyncio.to_thread(references.find, self.reader, session_id, named)
        lock = self._busy.setdefault((session_id, reference.wa_message_id), asyncio.Lock())
        try:
            async with lock:
                return _file(self, await self._received(session_id, reference))
        finally:
            if not lock.locked():
                self._busy.pop((session_id, reference.wa_message_id), None)

    async def _session(self, session_id: str) -> None:
        if await asyncio.to_thread(self.reader.account, session_id) is None:
            raise RuleBroken("unknown_session", "there is no such session")

    async def _sent(self, session_id: str, message_id: str) -> MediaFile:
        row = await asyncio.to_thread(self.reader.message, message_id)
        if row is None or row.session_id != session_id:
            raise RuleBroken("unknown_message", "this session has no such message")
        media = row.content.get("media")
        if not isinstance(media, dict):
            raise RuleBroken("unknown_media", "this message has no file")
        stored = await asyncio.to_thread(self.fetcher.store.find, str(media["id"]))
        return _file(
            self, replace(stored, mimetype=str(media["mimetype"]), filename=_text(media["filename"]))
        )

    async def _received(self, session_id: str, reference: references.Reference) -> Stored:
        row = await asyncio.to_thread(self.reader.received, session_id, reference.wa_message_id)
        if row is not None and row.message.type == REVOKED:
            raise SendRefused("media_gone", "the message was deleted for everyone")
        known = await asyncio.to_thread(self.links.find, session_id, reference.wa_message_id)
        if known is not None:
            with suppress(RuleBroken):
                return await asyncio.to_thread(self.fetcher.store.find, known)
        stored = await self._download(session_id, reference)
        await asyncio.to_thread(self.links.add, session_id, reference.wa_message_id, stored.media_id)
        return stored

    async def _download(self, session_id: str, reference: references.Reference) -> Stored:
        question = AskPage(PageCall.MEDIA_OPEN, {"message": reference.as_json()}, OPEN_DEADLINE)
        opened: Any = await self.page.ask_page(session_id, question)
        handle, size = int(opened["handle"]), int(opened["size"])
        try:
            if size > self.fetcher.store.limit:
                raise SendRefused("file_too_large", "the file is larger than MEDIA_MAX_MB")
            pieces = self._pieces(session_id, handle, size)
            return await self.fetcher.save(pieces, opened["mimetype"] or None, opened["filename"])
        finally:
            with suppress(DomainError, Fault):
                await self.page.ask_page(session_id, AskPage(PageCall.MEDIA_CLOSE, {"handle": handle}))

    async def _pieces(self, session_id: str, handle: int, size: int) -> AsyncIterator[bytes]:
        for offset in range(0, size, PIECE):
            arguments: dict[str, JSON] = {"handle": handle, "offset": offset, "count": PIECE}
            answer = await self.page.ask_page(session_id, AskPage(PageCall.MEDIA_READ, arguments))
            yield base64.b64decode(str(answer))


def _text(value: JSON) -> str | None:
    return None if value is None else str(value)


def _file(desk: MediaDesk, stored: Stored) -> MediaFile:
    return MediaFile(desk.fetcher.store.path(stored.media_id), stored.mimetype, stored.filename)
