"""Variables of workers and the scheduler."""

from pydantic import BaseModel, Field


class JobSettings(BaseModel):
    scheduler_port: int = Field(default=9000, ge=1, le=65535)  # serves its metrics
    worker_heartbeat: str = ""  # a file that a worker touches while it can get jobs
