"""Variables of workers, the scheduler and Redis."""

from pydantic import Field

from ..redis_client.settings import RedisSettings


class JobSettings(RedisSettings):
    scheduler_port: int = Field(default=9000, ge=1, le=65535)  # serves its metrics
    worker_heartbeat: str = ""  # a file that a worker touches while it can get jobs
