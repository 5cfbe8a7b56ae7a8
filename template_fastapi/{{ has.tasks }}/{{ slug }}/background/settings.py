"""Variables of workers and of the scheduler, and where Redis is."""

from pydantic import Field

from ..redis_client.settings import RedisSettings


class JobSettings(RedisSettings):
    scheduler_port: int = Field(default=9000, ge=1, le=65535)  # of its metrics
    worker_heartbeat: str = ""  # a file that a worker touches while it can get work
