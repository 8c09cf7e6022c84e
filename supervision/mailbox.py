"""A bounded mailbox with two lanes: control before work."""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.context import Timer
    from supervision.futures import AwaitableFuture


class Letter:
    """One message in a mailbox. pykka's loop reads `message` and `reply_to`; answering is our own affair."""

    __slots__ = ("body", "posted_at", "reply")

    reply_to = None
    timer: Timer | None = None

    def __init__(self, body: object, reply: AwaitableFuture[object] | None = None) -> None:
        self.body = body
        self.reply = reply
        self.posted_at = 0.0

    @property
    def message(self) -> Letter:
        """The letter itself, so that the handler sees the reply too."""
        return self


class Tick(Letter):
    """A timer's message. It gets in even when the lane is full: there are only as many as timers."""

    __slots__ = ("timer",)

    def __init__(self, body: object, timer: Timer) -> None:
        super().__init__(body)
        self.timer = timer


class Control:
    """A message of the library to itself."""

    __slots__ = ("signal",)

    reply_to = None

    def __init__(self, signal: object) -> None:
        self.signal = signal

    @property
    def message(self) -> Control:
        """For pykka's loop."""
        return self


class Waker(Protocol):
    """How the actor's thread waits for its next letter: one `wait` returns for each `wake`."""

    def wake(self) -> None: ...

    def wait(self) -> None: ...


class ThreadWaker:
    """A C-speed counting wake-up."""

    __slots__ = ("wait", "wake")

    def __init__(self) -> None:
        tokens: SimpleQueue[None] = SimpleQueue()
        self.wait: Callable[[], None] = tokens.get
        self.wake: Callable[[], None] = lambda: tokens.put(None)


class Mailbox:
    """Any thread puts, one thread gets. `capacity` bounds the work lane; control always gets in.

    Once closed it takes nothing more: a put that returned True was handled or handed to `drain`, never lost
    between the two (pykka's own ask can be).
    """

    def __init__(self, capacity: int, waker: Waker, now: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._waker = waker
        self._now = now
        self._control: deque[Control] = deque()
        self._work: deque[Letter] = deque()
        self._lock = threading.Lock()
        self.closed = False
        self.dropped = 0
        self.high_water = 0

    def put(self, letter: Letter) -> bool:
        """Queue work. False, and counted as dropped, when closed or full."""
        letter.posted_at = self._now()
        with self._lock:
            depth = len(self._work)
            if self.closed or (depth >= self._capacity and letter.timer is None):
                self.dropped += 1
                return False
            self._work.append(letter)
            if depth >= self.high_water:
                self.high_water = depth + 1
        self._waker.wake()
        return True

    def put_control(self, signal: object) -> bool:
        """Queue before all work. False once closed."""
        with self._lock:
            if self.closed:
                return False
            self._control.append(Control(signal))
        self._waker.wake()
        return True

    def get(self) -> Letter | Control:
        """Wait for the next letter; control first. Only for the actor's thread.

        When it was closed from outside (the actor was given up) the wait ends with a Control of None.
        """
        self._waker.wait()
        with self._lock:
            if self._control:
                return self._control.popleft()
            return self._work.popleft() if self._work else Control(None)

    def close(self) -> tuple[list[Letter], list[object]]:
        """Take nothing more; returns the work (counted as dropped) and the signals left unhandled."""
        with self._lock:
            self.closed = True
            work, signals = list(self._work), [control.signal for control in self._control]
            self._work.clear()
            self._control.clear()
            self.dropped += len(work)
        self._waker.wake()
        return work, signals

    def holds(self, letter: Letter) -> bool:
        """Whether this letter still waits."""
        with self._lock:
            return letter in self._work

    @property
    def depth(self) -> int:
        """Letters waiting in the work lane."""
        return len(self._work)

    @property
    def pending(self) -> bool:
        """Whether any letter waits."""
        return bool(self._control or self._work)

    def oldest_age(self) -> float:
        """Seconds the first waiting letter has waited; 0 when none waits."""
        try:
            return max(0.0, self._now() - self._work[0].posted_at)
        except IndexError:
            return 0.0
