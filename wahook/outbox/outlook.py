"""When a message may go, as far as the limits are concerned: what the answer to its sender says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from redis import Redis, RedisError

from actors.errors import JournalError
from actors.model import OutgoingMessage
from actors.ports import Calendar
from wahook.outbox.limits import SendLimits
from wahook.outbox.queues import LaneQueues

log = structlog.get_logger(__name__)

DEADLINE = 0.3  # seconds that an answer may wait for Redis
SILENCE = 5.0  # seconds for which nobody is asked again after one did not answer


@dataclass(slots=True, kw_only=True)
class Outlook:
    """Any thread. Blocking within the deadlines of the journal and of the connection, a short one.

    `ahead` counts what goes before a message, without what is on its way: that has its place in the window.
    `owner` gives a session's user. `monotonic` is seconds.
    """

    connection: Redis
    limits: SendLimits
    ahead: Callable[[OutgoingMessage, set[str]], int]
    owner: Callable[[str], str | None]
    calendar: Calendar
    monotonic: Callable[[], float] = time.monotonic
    _silent_until: float = field(default=float("-inf"), init=False)

    def expect(self, message: OutgoingMessage) -> None:
        """It was accepted and will go. Never blocks."""
        if (user := self.owner(message.session_id)) is not None:
            self.limits.pace.count(message.session_id, user)

    def is_clear(self, message: OutgoingMessage) -> bool:
        """Whether `not_before` is None for certain. Never blocks."""
        user = self.owner(message.session_id)
        return user is None or self.limits.pace.is_clear(message.session_id, user)

    def not_before(self, message: OutgoingMessage) -> datetime | None:
        """The earliest moment for a queued message, if all that goes before goes well.

        None: at once, or it is not known.
        """
        user = self.owner(message.session_id)
        if user is None or self.monotonic() < self._silent_until:
            return None
        now = self.calendar()  # before asking: what is told is never later than what will be
        try:
            wait = self._wait(message, user)
        except (JournalError, RedisError, OSError) as error:
            self._silent_until = self.monotonic() + SILENCE
            log.info("outbox.outlook_unknown", session=message.session_id, error=type(error).__name__)
            return None
        return now + timedelta(seconds=wait) if wait > 0 else None

    def _wait(self, message: OutgoingMessage, user: str) -> float:
        taken = LaneQueues(self.connection, message.session_id, self.calendar).taken()
        if message.message_id in taken:
            return 0.0
        return self.limits.wait(message.session_id, user, self.ahead(message, taken))
