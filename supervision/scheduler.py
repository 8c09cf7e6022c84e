"""Timers: one thread and a heap for a whole system, instead of a thread for each timer."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.clock import Clock

_log = logging.getLogger(__name__)
_LEAST_ROOM = 1024
_LONGEST_WAIT = 86_400.0  # threads cannot wait for any number of seconds


class Alarm:
    """A pending call of the scheduler. `cancel` is idempotent and thread-safe; a begun call goes on."""

    __slots__ = ("_call", "due", "rank")

    def __init__(self, due: float, rank: int, call: Callable[[], object]) -> None:
        self.due = due
        self.rank = rank
        self._call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """Make sure that the call does not begin from now on."""
        self._call = None

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled or has fired."""
        return self._call is None

    def fire(self) -> None:
        """Call, once; for schedulers."""
        call, self._call = self._call, None
        if call is not None:
            call()

    def __lt__(self, other: Alarm) -> bool:
        return (self.due, self.rank) < (other.due, other.rank)


class Scheduler(Protocol):
    """Runs short calls later. Calls must not block: they share one thread."""

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm:
        """Call once, `seconds` from now (at once when <= 0, still on the scheduler's thread)."""
        ...

    def close(self) -> None:
        """Drop what is pending and end. Timers made later never fire."""
        ...


class ThreadScheduler:
    """The scheduler of real time: a daemon thread that sleeps until the first timer is due."""

    def __init__(self, clock: Clock, name: str = "scheduler") -> None:
        self._clock = clock
        self._heap: list[Alarm] = []
        self._ranks = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._room = _LEAST_ROOM
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm:
        timer = Alarm(self._clock.monotonic() + max(0.0, seconds), next(self._ranks), call)
        with self._changed:
            if self._closed:
                timer.cancel()
                return timer
            heapq.heappush(self._heap, timer)
            self._compact()
            if self._heap[0] is timer:
                self._changed.notify()
        return timer

    def _compact(self) -> None:
        """Cancelled timers, such as deadlines of answered asks, do not stay in memory until they are due."""
        if len(self._heap) > self._room:
            self._heap = [timer for timer in self._heap if not timer.cancelled]
            heapq.heapify(self._heap)
            self._room = max(_LEAST_ROOM, 2 * len(self._heap))

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while (timer := self._next()) is not None:
            try:
                timer.fire()
            except BaseException:  # noqa: BLE001 - whatever it was, the others' timers go on
                _log.exception("scheduler.call_failed")

    def _next(self) -> Alarm | None:
        with self._changed:
            while not self._closed:
                while self._heap and self._heap[0].cancelled:
                    heapq.heappop(self._heap)
                wait = self._heap[0].due - self._clock.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)
                self._changed.wait(None if wait is None else min(wait, _LONGEST_WAIT))
            return None
