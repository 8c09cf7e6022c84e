"""Looks after the files on the volume: what is over its time goes; what arrives is fetched, by setting."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from actors.errors import DomainError, Fault
from supervision import Actor, Context

log = structlog.get_logger(__name__)

FIRST = 300.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaKeeperParts:
    """All block, within deadlines of their own. `sweep` gets what must stay; -> how many files went.

    `waiting` gives the ids of files that messages are yet to be sent with; `fetch` brings the file of a
    session's message onto the volume.
    """

    sweep: Callable[[Collection[str]], int]
    waiting: Callable[[], Collection[str]]
    fetch: Callable[[str, str], object]
    interval: float = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class FetchMedia:
    """A message with a file arrived. What is missed here is fetched when somebody asks for it."""

    session_id: str
    wa_message_id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Go through the files."""


class MediaKeeper(Actor):
    """May block: nobody waits for it."""

    def __init__(self, context: Context, parts: MediaKeeperParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._fetched = self._failed = 0

    def started(self) -> None:
        self.context.every(self._parts.interval, Sweep(), first=min(FIRST, self._parts.interval))

    def handle(self, message: object) -> object:
        """Fetch or sweep."""
        match message:
            case FetchMedia(session_id=session_id, wa_message_id=wa_message_id):
                self._fetch(session_id, wa_message_id)
            case Sweep():
                self._sweep()
            case _:
                return super().handle(message)
        return None

    def _fetch(self, session_id: str, wa_message_id: str) -> None:
        try:
            self._parts.fetch(session_id, wa_message_id)
        except (DomainError, Fault) as error:
            self._failed += 1
            log.warning("media.not_fetched", session=session_id, error=type(error).__name__)
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
