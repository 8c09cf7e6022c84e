"""How the outbox speaks to Redis."""

from __future__ import annotations

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str, max_connections: int = 16, deadline: float = 5.0) -> Redis:
    """A client with a pool for all lanes; no connection is made yet. `deadline` in seconds, for each command.

    Nothing is repeated behind our backs: a pop whose answer got lost must be seen as such, not popped twice.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=deadline,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)
