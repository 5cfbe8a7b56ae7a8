"""Limits of live updates, and where Redis is."""

from pydantic import Field

from ..redis_client.settings import RedisSettings


class LiveSettings(RedisSettings):
    live_connections: int = Field(default=1000, ge=1, le=100_000)  # of each process
