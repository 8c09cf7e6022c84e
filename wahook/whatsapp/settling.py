"""Seeing what a page has stored reach the disk: the login in it must survive a crash of anything.

IndexedDB hands a finished transaction to the system, so a killed Chromium keeps it and `fsync` makes it last.
localStorage is written with a delay, all of an origin together: so a mark is put there, and once the mark
is in the file everything from before it is, too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KEY = "wahook.settled"
STORES = ("Default/Local Storage/leveldb", "Default/IndexedDB")
LOOK_EVERY = 0.05  # seconds
COPIES = 3  # a block of the file may end within one, not within two


def put(mark: str) -> str:
    """The script that puts the mark."""
    return f"localStorage.setItem('{KEY}', '{' '.join([mark] * COPIES)}')"


TAKE_AWAY = f"localStorage.removeItem('{KEY}')"


async def settled(profile: Path, mark: str) -> None:
    """Wait until the mark and all that was stored before it is on disk. Whoever calls sets the deadline."""
    while not await asyncio.to_thread(_holds, profile, mark.encode()):  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(LOOK_EVERY)
    await asyncio.to_thread(_flush, profile)


def _holds(profile: Path, mark: bytes) -> bool:
    """The newest file first: that is where it is."""
    files = sorted((profile / STORES[0]).glob("[0-9]*.l[od][gb]"), reverse=True)
    for file in files:
        with suppress(OSError):  # the database may rearrange its files
            if mark in file.read_bytes():
                return True
    return False


def _flush(profile: Path) -> None:
    for path in _files(profile):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _files(profile: Path) -> Iterator[Path]:
    for store in STORES:
        yield from (profile / store).rglob("*")
        yield profile / store
