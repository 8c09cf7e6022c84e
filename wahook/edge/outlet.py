"""A bounded way from any thread onto the edge's loop. Full means that the oldest goes, counted."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Outlet(Generic[T]):
    """Made on the loop that takes; `put` from any thread, never blocks, never raises."""

    def __init__(self, limit: int) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self.dropped = 0

    def put(self, item: T) -> None:
        """Hand it over; dropped without a word once the loop has ended."""
        if len(self._items) == self._items.maxlen:
            self.dropped += 1  # a race may miscount by one; it is a figure for people
        self._items.append(item)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def take(self) -> T:
        """The oldest; waits until there is one. On the loop."""
        while not self._items:
            self._arrived.clear()
            if not self._items:  # put between the two looks sets the event after the clear
                await self._arrived.wait()
        return self._items.popleft()
