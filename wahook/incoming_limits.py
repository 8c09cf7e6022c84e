"""How much one person may send to one session: a moving window in Redis, and one notice for each window."""

from __future__ import annotations

import structlog
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from redis import Redis, RedisError

from actors.doorkeeper import Verdict

log = structlog.get_logger(__name__)


class IncomingLimits:
    """Blocking, with the client's deadlines; any thread. Without Redis everybody is fine."""

    def __init__(self, connection: Redis, rate: str) -> None:
        self._item = parse(rate)
        storage = RedisStorage("redis://", connection_pool=connection.connection_pool)
        self._windows = MovingWindowRateLimiter(storage)
        self._notices = FixedWindowRateLimiter(storage)
        self._once: RateLimitItem = type(self._item)(1, self._item.multiples)

    def count(self, session_id: str, sender: str) -> Verdict:
        """One more message of this person."""
        try:
            if self._windows.hit(self._item, "incoming", session_id, sender):
                return Verdict.FINE
            first = self._notices.hit(self._once, "incoming-notice", session_id, sender)
        except (RedisError, OSError) as error:
            log.info("incoming_limits.away", error=type(error).__name__)
            return Verdict.FINE
        return Verdict.FIRST_OVER if first else Verdict.OVER
