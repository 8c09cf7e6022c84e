"""How the outbox speaks to Redis."""

from __future__ import annotations

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_DEADLINE = 5.0
POOL_DEADLINE = 5.0


def connect(url: str, max_connections: int = 16) -> Redis:
    """A client with a pool for all lanes; no connection is made yet. Every command has a deadline of 5 s.

    Nothing is repeated behind our backs: a pop whose answer got lost must be seen as such, not popped twice.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=POOL_DEADLINE,
        socket_timeout=SOCKET_DEADLINE,
        socket_connect_timeout=SOCKET_DEADLINE,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)
