"""Looks after the files on the volume: what is over its time goes; what arrives is fetched, by setting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from actors.errors import DomainError, Fault
from supervision import Actor, Context

log = structlog.get_logger(__name__)

FIRST = 300.0  # seconds
WAITING = 1000  # files; the oldest is left for whoever asks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaKeeperParts:
    """`sweep` and `waiting` block. `sweep` gets what must stay; -> how many files went.

    `waiting` gives the ids of files that messages are yet to be sent with; `fetch` brings the file of a
    session's message onto the volume, within a deadline of its own.
    """

    sweep: Callable[[Collection[str]], int]
    waiting: Callable[[], Collection[str]]
    fetch: Callable[[str, str], Future[object]]
    interval: float = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class FetchMedia:
    """A message with a file arrived. What is missed here is fetched when somebody asks for it."""

    session_id: str
    wa_message_id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Go through the files."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One file is on the volume, or will not be."""

    session_id: str
    future: Future[object]


class MediaKeeper(Actor):
    """Fetches one file at a time. Sweeping may block: nobody waits for it."""

    def __init__(self, context: Context, parts: MediaKeeperParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._fetched = self._failed = 0
        self._wanted: deque[FetchMedia] = deque(maxlen=WAITING)
        self._fetching = False

    def started(self) -> None:
        self.context.every(self._parts.interval, Sweep(), first=min(FIRST, self._parts.interval))

    def handle(self, message: object) -> object:
        """Fetch or sweep."""
        match message:
            case FetchMedia():
                self._wanted.append(message)
                self._next()
            case _Fetched(session_id=session_id, future=future):
                self._settle(session_id, future.exception())
                self._next()
            case Sweep():
                self._sweep()
            case _:
                return super().handle(message)
        return None

    def _next(self) -> None:
        if self._fetching or not self._wanted:
            return
        one, self._fetching = self._wanted.popleft(), True
        fetching = self._parts.fetch(one.session_id, one.wa_message_id)
        fetching.add_done_callback(lambda future: self.context.handle.tell(_Fetched(one.session_id, future)))

    def _settle(self, session_id: str, error: BaseException | None) -> None:
        self._fetching = False
        if isinstance(error, DomainError | Fault):
            self._failed += 1
            log.warning("media.not_fetched", session=session_id, error=type(error).__name__)
        elif error is not None:
            raise error
        else:
            self._fetched += 1
        self.context.report(fetched=self._fetched, failed=self._failed)

    def _sweep(self) -> None:
        try:
            gone = self._parts.sweep(self._parts.waiting())
        except (Fault, OSError) as error:  # without knowing what waits, nothing may go
            log.warning("media.not_swept", error=type(error).__name__)
            return
        if gone:
            log.info("media.swept", files=gone)
