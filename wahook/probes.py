"""Checks of what the service stands on, asked at most every few seconds however many want to know.

A check that hangs costs one thread and nobody's time: whoever asks gets "not well" at the deadline, and it is
not started a second time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from actors.model import JSON

FRESH = 2.0  # seconds for which a reading serves everybody
DEADLINE = 3.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check found at one moment of the monotonic clock."""

    ok: bool
    at: float
    seconds: float | None = None  # that it took; None when it failed

    def fields(self, now: float) -> dict[str, JSON]:
        """For people: is it there, how long did its answer take (ms), how old is this knowledge (s)."""
        return {
            "connected": self.ok,
            "ping": None if self.seconds is None else round(self.seconds * 1000, 2),
            "age": round(now - self.at, 1),
        }


class Probe:
    """One check, which raises when it is not well. `look` may be awaited on any loop, by many at once."""

    def __init__(
        self,
        name: str,
        check: Callable[[], object],
        *,
        fresh: float = FRESH,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._check = check
        self._fresh = fresh
        self._deadline = deadline
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Reading | None = None
        self._running: Future[Reading] | None = None

    async def look(self) -> Reading:
        """The last reading while it is fresh, else a new one. Within the deadline; never raises."""
        with self._lock:
            if self._last is not None and self._clock() - self._last.at < self._fresh:
                return self._last
            running = self._running or self._begin()
        waiting = asyncio.wrap_future(running)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=self._deadline)
        finally:
            waiting.cancel()  # ours alone: the check itself runs, and others wait for it
        return running.result() if done else Reading(False, self._clock())

    def _begin(self) -> Future[Reading]:
        self._running = running = Future[Reading]()
        running.set_running_or_notify_cancel()
        threading.Thread(target=self._run, args=(running,), name=f"probe {self.name}", daemon=True).start()
        return running

    def _run(self, running: Future[Reading]) -> None:
        began = self._clock()
        try:
            self._check()
        except Exception:  # noqa: BLE001  # whatever ails it, it is not well
            reading = Reading(False, self._clock())
        else:
            ended = self._clock()
            reading = Reading(True, ended, ended - began)
        with self._lock:
            self._last, self._running = reading, None
        running.set_result(reading)
