"""Hands every event to everybody who listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import structlog

from actors.events import Event

Listener: TypeAlias = Callable[[Event], object]
log = structlog.get_logger(__name__)


class Announcer:
    """Implements `actors.ports.Announce`. Any thread; listeners must not block.

    A listener that raises is logged by the event's name and does not keep the others from hearing.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Tell everybody."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("announce.failed", what=event.name)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event from now on; returns the end of it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return end

    @contextmanager
    def expecting(self, wanted: Callable[[Event], bool]) -> Iterator[asyncio.Event]:
        """On an event loop: something to wait for that is set at the first wanted event."""
        loop, happened = asyncio.get_running_loop(), asyncio.Event()

        def listen(event: Event) -> None:
            if wanted(event):
                loop.call_soon_threadsafe(happened.set)

        end = self.subscribe(listen)
        try:
            yield happened
        finally:
            end()
