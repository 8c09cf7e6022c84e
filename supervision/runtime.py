"""The few things a tree needs of the machine. `supervision.testing` has a virtual one."""

from __future__ import annotations

import logging
import random
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from supervision.clock import Clock, SystemClock
from supervision.handle import ActorThread
from supervision.mailbox import ThreadWaker, Waker
from supervision.probe import Probe, ProcessProbe
from supervision.scheduler import Scheduler, ThreadScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervision.sampler import Sampler

_log = logging.getLogger(__name__)
_AGAIN = 1.0


class Runtime(Protocol):
    """Where threads, time and chance come from."""

    clock: Clock
    scheduler: Scheduler
    rng: random.Random
    probe: Probe

    def waker(self) -> Waker:
        """How one actor's thread will wait for letters."""
        ...

    def spawn(self, name: str, system: object, run: Callable[[], None]) -> ActorThread:
        """Start an actor's thread."""
        ...

    def aside(self, name: str, call: Callable[[], None]) -> None:
        """Run a call that may block, where it holds up nobody."""
        ...

    def publish(self, call: Callable[[], None]) -> None:
        """Run a subscriber's call, in order, where it holds up nobody in the tree."""
        ...

    def background(self, sampler: Sampler) -> None:
        """Have processes sampled from now on, if at all."""
        ...

    def close(self) -> None:
        """Let the helper threads end."""
        ...


class ThreadRuntime:
    """Real threads and real time. All threads are daemons, so the interpreter can always exit."""

    def __init__(self, clock: Clock | None = None, rng: random.Random | None = None, name: str = "") -> None:
        self.clock: Clock = clock or SystemClock()
        self.rng = rng or random.Random()
        self.probe: Probe = ProcessProbe()
        self.scheduler: Scheduler = ThreadScheduler(self.clock, f"{name}-scheduler")
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._publisher: threading.Thread | None = None
        self._lock = threading.Lock()

    def waker(self) -> Waker:
        return ThreadWaker()

    def spawn(self, name: str, system: object, run: Callable[[], None]) -> ActorThread:
        thread = ActorThread(name, system, lambda: _named(name, run))
        thread.start()
        return thread

    def aside(self, name: str, call: Callable[[], None]) -> None:
        try:
            threading.Thread(target=_guarded, args=(call,), name=name, daemon=True).start()
        except RuntimeError:  # the machine is out of threads: that must not fail who asked
            _log.warning("runtime.no_thread name=%s", name)
            self.scheduler.after(_AGAIN, lambda: self.aside(name, call))

    def publish(self, call: Callable[[], None]) -> None:
        with self._lock:
            if self._publisher is None:
                name = f"{self._name}-publisher"
                self._publisher = threading.Thread(target=self._publish, name=name, daemon=True)
                self._publisher.start()
        self._calls.put(call)

    def _publish(self) -> None:
        while (call := self._calls.get()) is not None:
            _guarded(call)

    def background(self, sampler: Sampler) -> None:
        sampler.start()

    def close(self) -> None:
        self.scheduler.close()
        self._calls.put(None)


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except BaseException:  # noqa: BLE001
        _log.exception("runtime.call_failed")


def _named(name: str, run: Callable[[], None]) -> None:
    """Let `top -H` and the like show the actor's name (the kernel keeps 15 bytes of it)."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name.encode()[-15:])
    run()
