"""Brings a file that is to be sent onto the volume: from a URL, from base64, or one that is there already.

Private and link-local addresses are refused unless a setting allows them; each redirect is judged anew, and
the connection goes to the address that was judged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import aiohttp
from yarl import URL

from actors.errors import RuleBroken
from actors.model import JSON
from wahook.addresses import AddressRule, ForbiddenAddress, GuardedResolver, fault_of_url
from wahook.edge.ports import MediaDraft
from wahook.media import kinds
from wahook.media.store import MediaStore, Stored

REDIRECTS = 5
PIECE = 2**18  # bytes read at once
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class MediaFetcher:
    """`deadline` in seconds, for the whole of one file. Coroutines for any loop."""

    store: MediaStore
    rule: AddressRule
    deadline: float = 60.0

    async def fetch(self, wanted: MediaDraft) -> dict[str, JSON]:
        """The content's account of the file, once it is on disk.

        RuleBroken: "media_refused" (it may not be fetched), "media_invalid", "media_too_large",
        "unknown_media".
        """
        stored = await self._stored(wanted)
        return stored.as_json(kinds.kind_of(stored.mimetype, wanted.kind))

    async def _stored(self, wanted: MediaDraft) -> Stored:
        if wanted.url is not None:
            return await self._download(wanted.url, wanted)
        if wanted.data is not None:
            return await asyncio.to_thread(self._decode, wanted.data, wanted)
        return await asyncio.to_thread(self._known, wanted)

    def _known(self, wanted: MediaDraft) -> Stored:
        media_id = wanted.media_id or ""
        found = self.store.find(media_id)
        self.store.touch(media_id)
        mimetype = found.mimetype
        if mimetype == kinds.UNKNOWN:
            mimetype = kinds.mimetype_of(b"", wanted.mimetype)
        return Stored(media_id, mimetype, found.size, wanted.filename or found.filename)

    def _decode(self, data: str, wanted: MediaDraft) -> Stored:
        text = data.partition(",")[2] if data.startswith("data:") else data
        try:
            raw = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise RuleBroken("media_invalid", "data is not base64") from None
        said = data[5:].partition(";")[0] if data.startswith("data:") else None
        with self.store.writing() as file:
            file.write(raw)
            return file.finish(wanted.mimetype or said, wanted.filename)

    async def save(self, pieces: AsyncIterator[bytes], said: str | None, filename: str | None) -> Stored:
        """A file that comes in pieces. Errors as `fetch`."""
        with self.store.writing() as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
            return await asyncio.to_thread(file.finish, said, filename)

    async def _download(self, url: str, wanted: MediaDraft) -> Stored:
        connector = aiohttp.TCPConnector(resolver=GuardedResolver(self.rule), use_dns_cache=False)
        try:
            async with (
                asyncio.timeout(self.deadline),
                aiohttp.ClientSession(connector=connector, trust_env=False) as http,
            ):
                return await self._follow(http, url, wanted)
        except TimeoutError:
            raise RuleBroken("media_refused", f"the file did not arrive within {self.deadline:g} s") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise _forbidden(error.os_error) from None
            raise RuleBroken("media_refused", "the file's server cannot be reached") from None
        except ForbiddenAddress as error:
            raise _forbidden(error) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RuleBroken("media_refused", f"fetching the file failed: {type(error).__name__}") from None

    async def _follow(self, http: aiohttp.ClientSession, url: str, wanted: MediaDraft) -> Stored:
        for _ in range(REDIRECTS + 1):
            self._judge(url)
            async with http.get(url, allow_redirects=False) as answer:
                if answer.status in _MOVED and "Location" in answer.headers:
                    url = _next(answer.url, answer.headers["Location"])
                    continue
                return await self._take(answer, wanted)
        raise RuleBroken("media_refused", f"the URL redirects more than {REDIRECTS} times")

    def _judge(self, url: str) -> None:
        if fault := fault_of_url(url, self.rule):
            raise RuleBroken("media_refused", f"the file's URL {fault}")

    async def _take(self, answer: aiohttp.ClientResponse, wanted: MediaDraft) -> Stored:
        if answer.status != 200:
            raise RuleBroken("media_refused", f"the file's server answered {answer.status}")
        if (answer.content_length or 0) > self.store.limit:
            raise RuleBroken("media_too_large", f"a file may have {self.store.limit // 2**20} MB")
        said = wanted.mimetype or answer.content_type
        name = wanted.filename or _name_in(answer.url)
        stored = await self.save(answer.content.iter_chunked(PIECE), said, name)
        if stored.mimetype == "text/html" and wanted.mimetype != "text/html":
            raise RuleBroken("media_invalid", "the URL leads to a web page, not to a file")
        return stored


def _next(url: URL, location: str) -> str:
    try:
        return str(url.join(URL(location)))
    except ValueError:
        raise RuleBroken("media_refused", "the URL redirects to what is not a URL") from None


def _name_in(url: URL) -> str | None:
    """The file's name by its URL, with nothing in it that no file name has."""
    name = "".join(sign for sign in PurePosixPath(url.path).name if sign.isprintable())
    return name.replace("\\", "")[:200] or None


def _forbidden(error: ForbiddenAddress) -> RuleBroken:
    return RuleBroken("media_refused", f"the file's URL cannot be used: {error}")
