"""Asking a server something only to see whether it says anything. The caller sets the deadline."""

from __future__ import annotations

import asyncio
from pathlib import Path


async def knock_unix(socket: Path, question: bytes) -> bytes:
    """The first byte that the server at this socket answers, empty if it hangs up. OSError."""
    return await _first_byte(*await asyncio.open_unix_connection(socket), question)


async def knock(port: int, question: bytes) -> bytes:
    """The first byte that the server at this port of this machine answers, empty if it hangs up. OSError."""
    return await _first_byte(*await asyncio.open_connection("127.0.0.1", port), question)


async def _first_byte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes) -> bytes:
    try:
        writer.write(question)
        return await reader.read(1)
    finally:
        writer.close()
