"""Files: upload one to send it, fetch one that was sent or received."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import quote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import Field

from wahook.edge.message_routes import ONE
from wahook.edge.message_schemas import MessageRef
from wahook.edge.ports import Media, MediaFile
from wahook.edge.problems import Problem
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import SessionPath, View

FILES = "/api/whatsapp/sessions/{id}/media"
PIECE = 2**18  # bytes
# What browsers show safely.
_SEEN = ("image/jpeg", "image/png", "image/gif", "image/webp", "audio/", "video/")
_FILE = {200: Answer("The file, with its own content type.", media=("application/octet-stream",))}
MediaPath = Annotated[str, Field(pattern="^media_[0-9a-f]{64}$")]


class UploadBody(View):
    """A file that is on the volume; send it with `media: {id: mediaId}`."""

    media_id: str
    mimetype: str
    size: int
    filename: str | None


class MediaRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, media: Media) -> None:
        self._media = media

    @route(
        "POST", FILES, "media", {201: Answer("It is on the volume.", UploadBody)}, (404, 413, 415, 503),
        upload=True,
    )  # fmt: skip
    async def upload_media(self, id: SessionPath, request: web.Request) -> web.StreamResponse:  # noqa: A002
        """Upload a file as multipart/form-data, in a part named `file`; it is kept for MEDIA_TTL_HOURS."""
        if not request.content_type.startswith("multipart/"):
            raise Problem(415, "unsupported_media_type", "Send the file as multipart/form-data.")
        with _well_formed():
            reader = await request.multipart()
        while (part := await _next(reader)) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                said = part.headers.get("Content-Type")
                saved = await self._media.save(id, _pieces(part, reader), said, _plain_name(part.filename))
                body = UploadBody(
                    media_id=saved.media_id, mimetype=saved.mimetype, size=saved.size, filename=saved.filename
                )
                return json_answer(body, 201, {"Location": f"{FILES.format(id=id)}/{saved.media_id}"})
        raise Problem(422, "invalid", "There is no part named `file`.")

    @route("GET", f"{FILES}/{{mediaId}}", "media", _FILE, (404, 503))
    async def get_media(self, id: SessionPath, mediaId: MediaPath) -> web.StreamResponse:  # noqa: A002, N803
        """Get a file that was uploaded, or fetched to be sent."""
        return _served(await self._media.stored(id, mediaId))

    @route("GET", f"{ONE}/media", "media", _FILE, (404, 409, 503))
    async def get_message_media(self, id: SessionPath, messageId: MessageRef) -> web.StreamResponse:  # noqa: A002, N803
        """Get the file of a message of either direction; what is not on the volume is downloaded now."""
        return _served(await self._media.of_message(id, messageId))


@contextmanager
def _well_formed() -> Iterator[None]:
    """Around all that reads the body: aiohttp's reader takes clients' mistakes for its caller's."""
    try:
        yield
    except (ValueError, AssertionError, BadHttpMessage):
        raise Problem(400, "bad_multipart", "The body is not well-formed multipart/form-data.") from None


async def _next(reader: MultipartReader) -> MultipartReader | BodyPartReader | None:
    with _well_formed():
        return await reader.next()


async def _pieces(part: BodyPartReader, reader: MultipartReader) -> AsyncIterator[bytes]:
    """Ends well only at a boundary: what was cut off on its way is no file."""
    while piece := await _piece(part):
        yield piece
    await _next(reader)


async def _piece(part: BodyPartReader) -> bytes:
    with _well_formed():
        return await part.read_chunk(PIECE)


def _plain_name(name: str | None) -> str | None:
    """Without folders and control characters."""
    if name is None:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:200] or None


def _served(file: MediaFile) -> web.StreamResponse:
    """Shown by browsers if that is safe, saved by them otherwise."""
    shown = "inline" if file.mimetype.startswith(_SEEN) else "attachment"
    name = f"; filename*=UTF-8''{quote(file.filename, safe='')}" if file.filename else ""
    headers = {"Content-Type": file.mimetype, "Content-Disposition": f"{shown}{name}"}
    return web.FileResponse(file.path, headers=headers)
