"""Counts what each person sends, and asks those who send too much, politely and once, to wait."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum

import structlog

from actors.errors import DomainError, Fault
from supervision import Actor, Context

log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What one more message means."""

    FINE = "fine"
    FIRST_OVER = "first over"  # the limit is passed for the first time in this window
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorkeeperParts:
    """`count`, which blocks, judges one message of a session's correspondent; `notify` writes to them."""

    count: Callable[[str, str], Verdict]
    notify: Callable[[str, str], Future[object]]


@dataclass(frozen=True, slots=True)
class Knocked:
    """A message came from this person, not in a group."""

    session_id: str
    sender: str


@dataclass(frozen=True, slots=True)
class _Told:
    """The notice is accepted for sending, or not."""

    session_id: str
    future: Future[object]


class Doorkeeper(Actor):
    """The messages themselves are journaled and told whatever it finds: none is lost."""

    def __init__(self, context: Context, parts: DoorkeeperParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._over = 0

    def handle(self, message: object) -> object:
        """Count one."""
        match message:
            case Knocked(session_id=session_id, sender=sender):
                self._count(session_id, sender)
            case _Told(session_id=session_id, future=future):
                self._told(session_id, future.exception())
            case _:
                return super().handle(message)
        return None

    def _count(self, session_id: str, sender: str) -> None:
        verdict = self._parts.count(session_id, sender)
        if verdict is Verdict.FIRST_OVER:
            telling = self._parts.notify(session_id, sender)
            telling.add_done_callback(lambda future: self.context.handle.tell(_Told(session_id, future)))
        if verdict is not Verdict.FINE:
            self._over += 1
            self.context.report(over=self._over)

    def _told(self, session_id: str, error: BaseException | None) -> None:
        if isinstance(error, DomainError | Fault):
            log.warning("doorkeeper.failed", session=session_id, error=type(error).__name__)
        elif error is not None:
            raise error
