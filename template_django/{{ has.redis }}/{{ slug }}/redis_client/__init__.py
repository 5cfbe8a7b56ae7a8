"""Redis: the service's connection, and the readiness check."""

from functools import cache

from django.conf import settings
from redis import Redis

TIMEOUT = 1.5  # seconds; shorter than the readiness probe waits


@cache
def connection() -> Redis:
    """Return a client with a pool of connections, which threads share."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=TIMEOUT,
        socket_timeout=TIMEOUT,
        health_check_interval=30,  # seconds; pings a connection that was idle for longer
    )


def ping() -> None:
    """Raise an exception if Redis is configured but does not respond."""
    if settings.REDIS_URL:
        connection().ping()
