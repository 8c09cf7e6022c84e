"""When a message may go, as far as the limits are concerned: what the answer to its sender says."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from redis import Redis, RedisError

from actors.model import OutgoingMessage
from actors.ports import Calendar
from wahook.outbox.limits import SendLimits
from wahook.outbox.queues import LaneQueues

log = structlog.get_logger(__name__)

DEADLINE = 0.3  # seconds that an answer may wait for Redis
SILENCE = 5.0  # seconds for which a Redis that did not answer is not asked again


class Outlook:
    """Any thread. Blocking within the connection's deadline, which is to be short: somebody waits.

    `owner` gives a session's user. `monotonic` is seconds.
    """

    def __init__(
        self,
        connection: Redis,
        limits: SendLimits,
        owner: Callable[[str], str | None],
        calendar: Calendar,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._owner = owner
        self._calendar = calendar
        self._monotonic = monotonic
        self._silent_until = float("-inf")

    def not_before(self, message: OutgoingMessage) -> datetime | None:
        """The earliest moment for a queued message, if all that goes before goes well.

        None: at once, or it is not known.
        """
        user = self._owner(message.session_id)
        if user is None or self._monotonic() < self._silent_until:
            return None
        now = self._calendar()  # before asking: what is told is never later than what will be
        try:
            ahead = LaneQueues(self._connection, message.session_id, self._calendar).ahead(message)
            wait = self._limits.wait(message.session_id, user, ahead)
        except (RedisError, OSError) as error:
            self._silent_until = self._monotonic() + SILENCE
            log.info("outbox.outlook_unknown", session=message.session_id, error=type(error).__name__)
            return None
        return now + timedelta(seconds=wait) if wait > 0 else None
