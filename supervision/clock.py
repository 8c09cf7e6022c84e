"""Time, injected: a monotonic clock for durations and a UTC clock for what people read."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_CALENDAR = 1e11  # about 3,000 years: a date further off cannot be written


class Clock(Protocol):
    """What the library asks of time. Thread-safe, never blocks."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


def later(at: datetime, seconds: float) -> datetime:
    """The date that many seconds on, or the last one that a calendar can be trusted with."""
    return at + timedelta(seconds=min(seconds, _CALENDAR))


def stamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
