"""How near a session is to its limits, as far as this process knows without asking Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from limits import parse

_NOTHING: Final = (0, 0, 0)


class Tally:
    """How often something happened in the last `seconds`, by key: never too few, at most two windows' worth.

    Any thread. A key costs three numbers for ever.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, int, int]] = {}  # the window's number, its count, the last one's

    def add(self, key: str) -> None:
        """It happened once more."""
        with self._lock:
            window, current, last = self._turned(key)
            self._counts[key] = window, current + 1, last

    def count(self, key: str) -> int:
        """An upper bound."""
        with self._lock:
            _, current, last = self._turned(key)
        return current + last

    def _turned(self, key: str) -> tuple[int, int, int]:
        window = int(self._monotonic() // self._seconds)
        at, current, last = self._counts.get(key, _NOTHING)
        if at == window:
            return at, current, last
        return window, 0, current if at == window - 1 else 0


class Pace:
    """Says when a limit cannot matter, so that nobody needs to work out when a message may go. Any thread.

    Rates read "10/minute". What other processes send for the same user is in Redis only, and so is what was
    sent before this one began: for the first window nothing is clear.
    """

    def __init__(self, session: str, user: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        rates = parse(session), parse(user)
        self._amounts = [rate.amount for rate in rates]
        self._tallies = [Tally(rate.get_expiry(), monotonic) for rate in rates]
        self._monotonic = monotonic
        self._known_from = monotonic() + max(rate.get_expiry() for rate in rates)
        self._queued: dict[str, int | None] = {}

    def count(self, session_id: str, user_id: str) -> None:
        """A message was accepted, or one may go. Each is counted twice, so that none is missed in between."""
        for tally, key in zip(self._tallies, (session_id, user_id), strict=True):
            tally.add(key)

    def queued(self, session_id: str, number: int | None) -> None:
        """What waits in a session's queues; None: nobody knows."""
        self._queued[session_id] = number

    def is_clear(self, session_id: str, user_id: str) -> bool:
        """Whether all that was accepted may go at once, as far as the limits are concerned."""
        queued = self._queued.get(session_id)
        if queued is None or self._monotonic() < self._known_from:
            return False
        each = zip(self._tallies, self._amounts, (session_id, user_id), strict=True)
        return all(tally.count(key) + queued <= amount for tally, amount, key in each)
