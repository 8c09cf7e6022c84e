"""A runtime in which time is a number and only one thread runs at a time.

Actors keep their real threads and the real pykka loop, but each waits for its turn: `step` lets one of them
handle one letter. So runs are reproducible, a whole tree settles in milliseconds, and an hour of back-off
is an addition. `supervision.testing` is the friendly face of it.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import random
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from supervision.handle import ActorThread
from supervision.scheduler import Alarm, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervision.clock import Clock
    from supervision.probe import Fact, Probe
    from supervision.sampler import Sampler

_REAL_LIMIT = 20.0
_STEP_LIMIT = 200_000


class VirtualClock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.epoch = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.elapsed

    def now(self) -> datetime:
        return self.epoch + timedelta(seconds=self.elapsed)


class VirtualScheduler:
    """Timers on the virtual clock; fired by `VirtualRuntime.advance`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._heap: list[Alarm] = []
        self._ranks = itertools.count()
        self._lock = threading.Lock()

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm:
        timer = Alarm(self._clock.elapsed + max(0.0, seconds), next(self._ranks), call)
        with self._lock:
            heapq.heappush(self._heap, timer)
        return timer

    def close(self) -> None:
        with self._lock:
            self._heap.clear()

    def next_due(self) -> float | None:
        """When the first live timer is due."""
        with self._lock:
            while self._heap and self._heap[0].cancelled:
                heapq.heappop(self._heap)
            return self._heap[0].due if self._heap else None

    def pop(self) -> Alarm:
        """Take the first timer out."""
        with self._lock:
            return heapq.heappop(self._heap)


class Turn(enum.Enum):
    """What a lock-step thread is at."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"


class StepThread(ActorThread):
    """An actor's thread that runs only in its turn."""

    def __init__(self, name: str, system: object, run: Callable[[], None], runtime: VirtualRuntime) -> None:
        super().__init__(name, system, self._in_turn)
        self.turn = Turn.READY
        self.may_go: Callable[[], bool] = lambda: True
        self.queued = False
        self._go = threading.Semaphore(0)
        self._body = run
        self._runtime = runtime

    def _in_turn(self) -> None:
        self._go.acquire()
        try:
            self._body()
        finally:
            self.turn = Turn.DONE
            self._runtime.back.release()

    def grant(self) -> None:
        """From the harness: run until the next wait."""
        self.turn = Turn.RUNNING
        self._go.release()

    def park(self, may_go: Callable[[], bool]) -> None:
        """On the thread: give the turn back until `may_go`."""
        self.may_go = may_go
        self.turn = Turn.WAITING
        if may_go():
            self._runtime.queue(self)
        self._runtime.back.release()
        self._go.acquire()


class StepWaker:
    """Counts wake-ups; waiting gives the turn back."""

    def __init__(self, runtime: VirtualRuntime) -> None:
        self._runtime = runtime
        self._tokens = 0
        self._owner: StepThread | None = None

    def wake(self) -> None:
        self._tokens += 1
        if self._owner is not None:
            self._runtime.queue(self._owner)

    def wait(self) -> None:
        thread = threading.current_thread()
        assert isinstance(thread, StepThread)  # noqa: S101 - only spawned threads have a waker
        self._owner = thread
        thread.park(lambda: self._tokens > 0)
        self._tokens -= 1


class Gate:
    """Where a lock-step actor can block, as it would on a socket, until somebody opens."""

    def __init__(self, runtime: VirtualRuntime) -> None:
        self.opened = False
        self._runtime = runtime
        self._blocked: list[StepThread] = []

    def open(self) -> None:
        """Let the blocked actor go on."""
        self.opened = True
        for thread in self._blocked:
            self._runtime.queue(thread)

    def wait(self) -> None:
        """On an actor's thread of a virtual tree: block until opened."""
        thread = threading.current_thread()
        assert isinstance(thread, StepThread)  # noqa: S101 - a Gate is for virtual trees only
        self._blocked.append(thread)
        thread.park(lambda: self.opened)


class FixedProbe:
    """Process facts that never change, for golden files."""

    def process(self) -> Mapping[str, Fact]:
        return {
            "pid": 4121,
            "python": "3.11.0",
            "pykka": "4.5.0",
            "rss": 96 * 2**20,
            "threads": 12,
            "fds": 34,
            "load": 0.42,
        }

    def top_frames(self) -> Mapping[int, str]:
        return _AnyFrame()


class _AnyFrame(dict[int, str]):
    def get(self, _key: int, _default: object = None) -> str:
        return "scripted.py:1"


class VirtualRuntime:
    """The Runtime of virtual trees. `shuffle`: the seeded rng chooses who is next, not who waited longest."""

    def __init__(self, seed: int = 0, *, shuffle: bool = False) -> None:
        self.virtual_clock = VirtualClock()
        self.clock: Clock = self.virtual_clock
        self.virtual_scheduler = VirtualScheduler(self.virtual_clock)
        self.scheduler: Scheduler = self.virtual_scheduler
        self.rng = random.Random(seed)
        self.probe: Probe = FixedProbe()
        self._ready: deque[StepThread] = deque()
        self.back = threading.Semaphore(0)
        self.threads: list[StepThread] = []
        self._order = random.Random(seed) if shuffle else None

    def waker(self) -> StepWaker:
        return StepWaker(self)

    def spawn(self, name: str, system: object, run: Callable[[], None]) -> ActorThread:
        thread = StepThread(name, system, run, self)
        self.threads.append(thread)
        self.queue(thread)
        thread.start()
        return thread

    def queue(self, thread: StepThread) -> None:
        """It may have something to do: its turn will come."""
        if not thread.queued:
            thread.queued = True
            self._ready.append(thread)

    def aside(self, name: str, call: Callable[[], None]) -> None:  # noqa: ARG002
        call()

    def publish(self, call: Callable[[], None]) -> None:
        call()

    def background(self, sampler: Sampler) -> None:
        """No processes in virtual trees."""

    def close(self) -> None:
        self.virtual_scheduler.close()

    def step(self) -> bool:
        """Let one actor handle one letter. False when none can."""
        chosen = self._next()
        if chosen is None:
            return False
        chosen.grant()
        if not self.back.acquire(timeout=_REAL_LIMIT):
            raise RuntimeError(f"{chosen.name} blocks in real time at\n{_stack(chosen)}")
        return True

    def _next(self) -> StepThread | None:
        while self._ready:
            if self._order is not None:
                self._ready.rotate(-self._order.randrange(len(self._ready)))
            thread = self._ready.popleft()
            thread.queued = False
            if thread.turn is Turn.READY or (thread.turn is Turn.WAITING and thread.may_go()):
                return thread
        return None

    def settle(self) -> None:
        """Step until nothing can happen before time moves."""
        for _ in range(_STEP_LIMIT):
            if not self.step():
                return
        raise RuntimeError(f"not settled after {_STEP_LIMIT} steps: messages go in circles")

    def advance(self, seconds: float) -> None:
        """Let that much time pass, timer by timer, settling after each."""
        target = self.virtual_clock.elapsed + seconds
        self.advance_until(lambda: False, seconds)
        self.virtual_clock.elapsed = max(self.virtual_clock.elapsed, target)

    def advance_until(self, done: Callable[[], bool], patience: float) -> None:
        """Let time pass timer by timer until `done`, at most `patience` seconds."""
        self.settle()
        limit = self.virtual_clock.elapsed + patience
        while not done() and (due := self.virtual_scheduler.next_due()) is not None and due <= limit:
            self.virtual_clock.elapsed = max(self.virtual_clock.elapsed, due)
            self.virtual_scheduler.pop().fire()
            self.settle()

    def blocked(self) -> list[str]:
        """The threads that have not ended, by name."""
        self.threads = [thread for thread in self.threads if thread.turn is not Turn.DONE]
        return [thread.name for thread in self.threads]


def _stack(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001
    return "".join(traceback.format_stack(frame)) if frame is not None else "(ended)"
