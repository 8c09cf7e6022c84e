"""When a session that is well may end its incarnation by itself. Plain; the session's thread only."""

from __future__ import annotations

from collections.abc import Callable

RECYCLE = "recycle"  # the reasons of such an exit; supervision decides by them
IDLE = "idle"

PAUSE = 0.5  # seconds between closing the lane and the end, for what it has just handed over
PATIENCE = 60.0  # seconds for what is in flight; then the session stays


class Leaving:
    """First the lane closes, then what is in flight arrives, then the incarnation ends. `now`: monotonic."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._touched_at = now()
        self._began_at = 0.0
        self._news = False
        self.reason: str | None = None  # why it is about to leave; None: it is not

    def touch(self) -> None:
        """A message goes in or out."""
        self._touched_at = self._now()
        self._news = True

    @property
    def quiet(self) -> float:
        """Seconds since a message went in or out."""
        return self._now() - self._touched_at

    def news(self) -> bool:
        """Whether there was a message since this was asked last."""
        news, self._news = self._news, False
        return news

    def begin(self, reason: str, quiet: float) -> bool:
        """Want to leave, if nothing happened for `quiet` seconds and it does not want to already."""
        if self.reason is not None or self.quiet < quiet:
            return False
        self.reason, self._began_at = reason, self._now()
        return True

    def given_up(self) -> bool:
        """Whether what was in flight took too long; then it stays."""
        late = self._now() - self._began_at > PATIENCE
        if late:
            self.reason = None
        return late
