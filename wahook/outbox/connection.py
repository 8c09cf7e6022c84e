"""How the outbox speaks to Redis."""

from __future__ import annotations

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors.errors import ProcessError


def connect(url: str, max_connections: int = 16, deadline: float = 5.0) -> Redis:
    """A client with a pool for all lanes; no connection is made yet. `deadline` in seconds, for each command.

    Nothing is repeated behind our backs: a pop whose answer got lost must be seen as such, not popped twice.
    ProcessError for what is no such URL.
    """
    try:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=deadline,
            socket_timeout=deadline,
            socket_connect_timeout=deadline,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:  # its text may show a password
        raise ProcessError(
            "REDIS_URL is not a URL such as redis://[user:password@]host:6379/0, rediss:// or unix://"
        ) from None
    return Redis(connection_pool=pool)
