"""Hands a file to the page in pieces, so that neither side has more than one of them in memory."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import BinaryIO

from actors.errors import SendRefused
from wahook.whatsapp.life import PageLife

PIECE = 2**18  # bytes; larger ones are no quicker (bench/media_handover.py)


async def hand_over(life: PageLife, path: Path, media_id: str, deadline: float) -> None:
    """The page has the whole file afterwards. SendRefused("media_gone"); errors as `PageLife.ask`."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError:
        raise SendRefused("media_gone", "the file is no longer on the volume") from None
    try:
        await _pieces(life, file, media_id, deadline)
    finally:
        file.close()


async def _pieces(life: PageLife, file: BinaryIO, media_id: str, deadline: float) -> None:
    offset = 0
    while piece := await asyncio.to_thread(file.read, PIECE):
        data = base64.b64encode(piece).decode("ascii")
        await life.ask("mediaPut", {"id": media_id, "offset": offset, "data": data}, deadline)
        offset += len(piece)
