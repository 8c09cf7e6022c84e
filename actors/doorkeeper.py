"""Counts what each person sends, and asks those who send too much, politely and once, to wait."""

from __future__ import annotations

from collections.abc import Callable
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
    """Both block. `count` judges one message of a session's correspondent; `notify` writes to that person."""

    count: Callable[[str, str], Verdict]
    notify: Callable[[str, str], object]


@dataclass(frozen=True, slots=True)
class Knocked:
    """A message came from this person, not in a group."""

    session_id: str
    sender: str


class Doorkeeper(Actor):
    """The messages themselves are journaled and told whatever it finds: none is lost."""

    def __init__(self, context: Context, parts: DoorkeeperParts) -> None:
        super().__init__(context)
        self._parts = parts
        self._over = 0

    def handle(self, message: object) -> object:
        """Count one."""
        if not isinstance(message, Knocked):
            return super().handle(message)
        try:
            verdict = self._parts.count(message.session_id, message.sender)
            if verdict is Verdict.FIRST_OVER:
                self._parts.notify(message.session_id, message.sender)
        except (DomainError, Fault) as error:
            log.warning("doorkeeper.failed", session=message.session_id, error=type(error).__name__)
            return None
        if verdict is not Verdict.FINE:
            self._over += 1
            self.context.report(over=self._over)
        return None
