"""Limits of live updates."""

from pydantic import BaseModel, Field


class LiveSettings(BaseModel):
    live_connections: int = Field(default=1000, ge=1, le=100_000)  # of each process
