"""Where a lane's thread waits: for work, for its session, for an answer, and never longer than it must."""

from __future__ import annotations

import threading
from collections.abc import Callable

from supervision import Clock, Handle


class Interrupted(Exception):
    """The lane is told to end and may wait no longer; whatever was in flight is looked up next time."""


class Gate:
    """One condition for everything that may move a lane. Any thread; only the lane's own thread waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._ticket = 0
        self._open = False
        self._abandon_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def stopping(self) -> bool:
        return self._abandon_at is not None

    @property
    def ticket(self) -> int:
        """Take one before looking at the world: a `wait` with it returns at once if anything moved since."""
        return self._ticket

    def set_open(self, is_open: bool) -> None:
        with self._changed:
            if self._open is not is_open:
                self._open = is_open
                self._wake()

    def wake(self) -> None:
        with self._changed:
            self._wake()

    def stop(self, abandon_after: float) -> None:
        """Begin nothing more; in `abandon_after` seconds give up what is in flight too. A sooner end wins."""
        with self._changed:
            at = self._clock.monotonic() + abandon_after
            self._abandon_at = at if self._abandon_at is None else min(at, self._abandon_at)
            self._wake()

    def wait(self, ticket: int, seconds: float) -> None:
        """Wait until something moved since `ticket`, `stop`, or `seconds` have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._ticket != ticket or self.stopping, max(0.0, seconds))

    def pause(self, seconds: float) -> None:
        """Wait in the middle of a delivery. Interrupted when the lane must end."""
        self._await(lambda: False, seconds)

    def ask(self, whom: Handle, message: object, deadline: float) -> object:
        """As `Handle.ask`, and Interrupted when the lane must end before the answer is there, or already."""
        if self._abandon_at is not None and self._clock.monotonic() >= self._abandon_at:
            raise Interrupted
        reply = whom.ask_async(message, deadline)
        reply.add_done_callback(lambda _: self.wake())
        try:
            self._await(reply.done, deadline + 1.0)
        finally:
            reply.cancel()
        return reply.result(timeout=0)

    def _await(self, arrived: Callable[[], bool], seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        with self._changed:
            while not arrived() and (now := self._clock.monotonic()) < until:
                if self._abandon_at is not None and now >= self._abandon_at:
                    raise Interrupted
                end = until if self._abandon_at is None else min(until, self._abandon_at)
                self._changed.wait(end - now)

    def _wake(self) -> None:
        self._ticket += 1
        self._changed.notify_all()
