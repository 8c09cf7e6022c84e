"""What a file is, by its first bytes and by what its sender says. Pure."""

from __future__ import annotations

import re

from actors.errors import RuleBroken

HEAD = 32  # bytes that are enough to tell
UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+_-]{1,100}")
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)


def sniffed(head: bytes) -> str | None:
    """The type that the first bytes prove, if they prove any."""
    for offset, mark, mimetype in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return mimetype
    return None


def mimetype_of(head: bytes, said: str | None) -> str:
    """What is proven, else what was said, but for pictures: what is none by its bytes is none.

    A container type that was said more exactly stays so. What is no type was not said: senders are strangers.
    """
    proven = sniffed(head)
    said = (said or "").partition(";")[0].strip().lower()
    said = said if _TYPE.fullmatch(said) else None
    if proven is None:
        return UNKNOWN if said is None or said in _SHOWN else said
    if said is not None and _agrees(proven, said):
        return said
    return proven


def _agrees(proven: str, said: str) -> bool:
    """Zips are office documents, MP4 and Ogg and WebM hold sound or pictures."""
    if proven == "application/zip":
        return not said.startswith(("image/", "video/", "audio/", "text/"))
    if proven in {"video/mp4", "audio/mp4", "audio/ogg", "video/webm"}:
        return said.startswith(("video/", "audio/"))
    return said == proven


def kind_of(mimetype: str, wanted: str | None) -> str:
    """How it is sent. RuleBroken("media_invalid") in words when it cannot be sent as what is wanted."""
    family = mimetype.partition("/")[0]
    if wanted is None:
        if mimetype in _SHOWN:
            return "image"
        return family if family in {"video", "audio"} else "document"
    needed = {"voice": "audio", "sticker": "image"}.get(wanted, wanted)
    fits = wanted == "document" or (mimetype in _SHOWN if needed == "image" else family == needed)
    if not fits:
        raise RuleBroken("media_invalid", f"a file of type {mimetype} cannot be sent as {wanted}")
    return wanted
