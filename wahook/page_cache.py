"""What pages have answered, remembered in Redis for a while: bounded, counted, and never needed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis, RedisError

from actors.model import JSON

log = structlog.get_logger(__name__)
PREFIX = "wahook:page"
MOST_OF_A_KIND = 10_000  # answers of one session; the oldest go first
LARGEST = 4 * 2**20  # bytes of one answer
MOST_OF_REDIS = 0.5  # of its memory, where that has a limit: the queues may not be refused the rest


@dataclass
class Counts:
    """Since the service's start."""

    hits: int = 0
    misses: int = 0


class PageCache:
    """Blocking, within the client's deadlines; any thread. Without Redis everything is a miss."""

    def __init__(self, redis: Redis, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._now = now
        self.counts: dict[str, Counts] = {}

    def get(self, session_id: str, kind: str, name: str = "") -> JSON:
        """The answer, None when there is none (None itself is never remembered)."""
        counted = self.counts.setdefault(kind, Counts())
        try:
            raw = self._redis.get(_key(session_id, kind, name))
        except (RedisError, OSError):
            raw = None
        if not isinstance(raw, bytes | str):
            counted.misses += 1
            return None
        counted.hits += 1
        answer: JSON = json.loads(raw)
        return answer

    def put(self, session_id: str, kind: str, name: str, answer: JSON, seconds: float) -> None:
        """Remember it for so long."""
        raw = json.dumps(answer)
        if len(raw) > LARGEST:
            return
        index, key = _key(session_id, kind, "index:"), _key(session_id, kind, name)
        try:
            if self._is_full():
                log.info("page_cache.full", kind=kind)
                return
            self._redis.set(key, raw, ex=max(1, int(seconds)))
            self._redis.zadd(index, {key: self._now()})
            self._redis.expire(index, 7 * 86400)
            self._drop(index, self._redis.zcard(index) - MOST_OF_A_KIND)
        except (RedisError, OSError) as error:
            log.info("page_cache.not_kept", kind=kind, error=type(error).__name__)

    def _is_full(self) -> bool:
        memory: Any = self._redis.info("memory")
        most = int(memory.get("maxmemory", 0))
        return 0 < most * MOST_OF_REDIS < int(memory["used_memory"])

    def _drop(self, index: str, surplus: int) -> None:
        if surplus > 0:
            oldest: Any = self._redis.zrange(index, 0, surplus - 1)
            self._redis.delete(*oldest)
            self._redis.zrem(index, *oldest)

    def forget(self, session_id: str, kind: str, name: str = "") -> None:
        """It has changed."""
        try:
            self._redis.delete(_key(session_id, kind, name))
        except (RedisError, OSError) as error:
            log.info("page_cache.not_forgotten", kind=kind, error=type(error).__name__)

    def forget_session(self, session_id: str) -> None:
        """It is gone, and with it whomever its phones knew."""
        try:
            for key in self._redis.scan_iter(_key(session_id, "*", "*"), count=1000):
                self._redis.delete(key)
        except (RedisError, OSError) as error:
            log.info("page_cache.not_forgotten", kind="session", error=type(error).__name__)


def _key(session_id: str, kind: str, name: str) -> str:
    return f"{PREFIX}:{session_id}:{kind}:{name}"
