"""How fast a session and a user may send: moving windows of the `limits` library, kept in Redis.

The library decides one window at a time, so that a refusal by the second would have spent the first. Both are
decided here in one script over the library's own keys, by its own rule, so that its other tools agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis

from wahook.outbox.pace import Pace

# KEYS: a window each. ARGV: now, spend (1 or 0), how many go before, then amount and seconds of each window.
# A message goes when the stamp whose place it takes has left the window; every `amount` messages that go
# before it cost a whole window more.
# A stamp from far in the future is of a clock that was put back since: nobody waits for that.
# -> "0" when all have room (and were spent), else the seconds until the slowest has, as text.
_TAKE_ALL: Final = """
local now, ahead, wait = tonumber(ARGV[1]), tonumber(ARGV[3]), 0
for i = 1, #KEYS do
    local amount, seconds = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
    local own = math.floor(ahead / amount) * seconds
    local leaves = tonumber(redis.call('LINDEX', KEYS[i], amount - 1 - ahead % amount) or '')
    if leaves and math.abs(now - leaves) <= seconds then own = own + leaves + seconds - now + 0.001 end
    wait = math.max(wait, own)
end
if wait > 0 or ARGV[2] == '0' then return string.format('%.6f', wait) end
for i = 1, #KEYS do
    local amount, seconds = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
    redis.call('LPUSH', KEYS[i], ARGV[1])
    redis.call('LTRIM', KEYS[i], 0, amount - 1)
    redis.call('EXPIRE', KEYS[i], seconds)
end
return '0'
"""


class SendLimits:
    """A session's and its user's window; both must have room. Any thread, any number of processes.

    Rates read "10/minute". Blocking with the client's deadlines; raises RedisError, which must be taken as
    "not now": without Redis nothing goes. `pace` hears of every permit.
    """

    def __init__(
        self,
        connection: Redis,
        session: str,
        user: str,
        now: Callable[[], float] = time.time,
        pace: Pace | None = None,
    ) -> None:
        self.per_session = parse(session)
        self.per_user = parse(user)
        self.pace = pace or Pace(session, user)
        self._now = now
        self._storage = RedisStorage("redis://", connection_pool=connection.connection_pool)
        self._script = connection.register_script(_TAKE_ALL)
        self._windows = MovingWindowRateLimiter(self._storage)

    def take(self, session_id: str, user_id: str) -> float:
        """0.0 if a message may go now, which is then counted; else seconds until it is worth asking again."""
        wait = self._run(session_id, user_id, spend=True)
        if wait <= 0:
            self.pace.count(session_id, user_id)
        return wait

    def wait(self, session_id: str, user_id: str, ahead: int = 0) -> float:
        """Seconds until a message may go before which `ahead` others of the session go. Counts nothing."""
        return self._run(session_id, user_id, spend=False, ahead=ahead)

    def left(self, session_id: str, user_id: str) -> tuple[int, int]:
        """How many more the session and the user may send at this moment."""
        return (
            self._windows.get_window_stats(self.per_session, "session", session_id).remaining,
            self._windows.get_window_stats(self.per_user, "user", user_id).remaining,
        )

    def _run(self, session_id: str, user_id: str, *, spend: bool, ahead: int = 0) -> float:
        windows = ((self.per_session, "session", session_id), (self.per_user, "user", user_id))
        keys = [self._storage.prefixed_key(item.key_for(kind, name)) for item, kind, name in windows]
        numbers = [number for item, _, _ in windows for number in _numbers(item)]
        return float(self._script(keys=keys, args=[repr(self._now()), int(spend), ahead, *numbers]))


def _numbers(item: RateLimitItem) -> tuple[int, int]:
    return item.amount, item.get_expiry()
