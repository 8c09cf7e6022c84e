"""Looks after the files on the volume: what is over its time goes; what arrives is fetched, by setting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from actors.errors import DomainError, Fault, JournalError
from supervision import Actor, Context

log = structlog.get_logger(__name__)

FIRST = 300.0  # seconds
WAITING = 10_000  # files at once; the others are found again


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaKeeperParts:
    """All but `fetch` block. `sweep` gets what must stay; -> how many files went.

    `waiting` gives the ids of files that messages are yet to be sent with; `missing` those of a session's
    messages whose files are to be fetched, by the journal, oldest first; `ready` the sessions that can;
    `fetch` brings the file of a session's message onto the volume, within a deadline of its own.
    """

    sweep: Callable[[Collection[str]], int]
    waiting: Callable[[], Collection[str]]
    missing: Callable[[str], Sequence[str]]
    ready: Callable[[], Collection[str]]
    fetch: Callable[[str, str], Future[object]]
    interval: float = 3600.0  # seconds
    again: float = 600.0  # seconds until what could not be fetched is tried again at the latest


@dataclass(frozen=True, slots=True)
class FetchMedia:
    """A message with a file arrived."""

    session_id: str
    wa_message_id: str


@dataclass(frozen=True, slots=True)
class FetchMissing:
    """A session is ready, and what arrived before may have been missed: by a restart, by a page that died."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Go through the files."""


@dataclass(frozen=True, slots=True)
class _LookAround:
    """Go through the sessions."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One file is on the volume, or will not be."""

    one: FetchMedia
    future: Future[object]


class MediaKeeper(Actor):
    """Fetches one file at a time. Reading and sweeping may block: nobody waits for it."""

    def __init__(self, context: Context, parts: MediaKeeperParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._fetched = self._failed = 0
        self._wanted: deque[FetchMedia] = deque()
        self._known: set[FetchMedia] = set()  # wanted, or on its way
        self._fetching = False

    def started(self) -> None:
        self.context.every(self._parts.interval, Sweep(), first=min(FIRST, self._parts.interval))
        self.context.every(self._parts.again, _LookAround(), first=0.0)

    def handle(self, message: object) -> object:
        """Fetch or sweep."""
        match message:
            case FetchMedia():
                self._want(message)
            case FetchMissing(session_id=session_id):
                self._look([session_id])
            case _LookAround():
                self._look(self._parts.ready())
            case _Fetched(one=one, future=future):
                self._settle(one, future.exception())
            case Sweep():
                self._sweep()
            case _:
                return super().handle(message)
        self._next()
        return None

    def _want(self, one: FetchMedia) -> None:
        if one not in self._known and len(self._known) < WAITING:
            self._known.add(one)
            self._wanted.append(one)

    def _look(self, sessions: Collection[str]) -> None:
        try:
            for session_id in sessions:
                for wa_message_id in self._parts.missing(session_id):
                    self._want(FetchMedia(session_id, wa_message_id))
        except (JournalError, OSError) as error:
            log.warning("media.not_looked_for", error=type(error).__name__)

    def _next(self) -> None:
        if self._fetching or not self._wanted:
            return
        one, self._fetching = self._wanted.popleft(), True
        fetching = self._parts.fetch(one.session_id, one.wa_message_id)
        fetching.add_done_callback(lambda future: self.context.handle.tell(_Fetched(one, future)))

    def _settle(self, one: FetchMedia, error: BaseException | None) -> None:
        self._fetching = False
        self._known.discard(one)
        if isinstance(error, DomainError | Fault):
            self._failed += 1
            log.warning("media.not_fetched", session=one.session_id, error=type(error).__name__)
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
