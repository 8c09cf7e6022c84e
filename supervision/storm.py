"""The storm fuse at work: shared by a supervisor and everything below it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from supervision.policy import Storm, add_failure

if TYPE_CHECKING:
    from supervision.specs import StormFuse

_log = logging.getLogger("supervision")


class StormGuard:
    """Counts failures below `path` and says until when restarts there are paused. Thread-safe."""

    def __init__(self, fuse: StormFuse, path: str) -> None:
        self.fuse = fuse
        self.path = path
        self._lock = threading.Lock()
        self._storm = Storm()

    def note(self, path: str, now: float) -> None:
        """A child below failed at monotonic `now`."""
        below = path[len(self.path) + 1 :] if self.path else path
        with self._lock:
            before = self._storm.paused_until
            self._storm = add_failure(self.fuse, self._storm, below.split("/", 1)[0], now)
            tripped = self._storm.paused_until > before
        if tripped:
            _log.error("storm.tripped path=%s pause=%s", self.path or "root", self.fuse.pause)

    def paused_until(self, now: float) -> float:
        """Monotonic time before which nothing restarts; 0 when restarts may begin."""
        until = self._storm.paused_until
        return until if until > now else 0.0

    def used(self, now: float) -> int:
        """Different children that failed within the window."""
        return len({child for at, child in self._storm.failures if at >= now - self.fuse.period})
