"""How many browsers may start at once. Starting is the heaviest moment of a session's life."""

from __future__ import annotations

import threading
from collections.abc import Callable


class LaunchSlots:
    """First come, first served. Thread-safe; `granted` is called on whichever thread frees the slot."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._held: set[object] = set()
        self._waiting: dict[object, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def request(self, who: object, granted: Callable[[], None]) -> None:
        """Call `granted` when `who` may start: at once if there is room."""
        with self._lock:
            if self._free == 0:
                self._waiting[who] = granted
                return
            self._free -= 1
            self._held.add(who)
        granted()

    def release(self, who: object) -> None:
        """Give the slot back, or the place in the queue. Idempotent."""
        with self._lock:
            self._waiting.pop(who, None)
            if who not in self._held:
                return
            self._held.discard(who)
            self._free += 1
            if not self._waiting:
                return
            after = next(iter(self._waiting))
            granted = self._waiting.pop(after)
            self._held.add(after)
            self._free -= 1
        granted()
