"""Jobs in responses."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ..background.models import Status


class JobRead(BaseModel):
    """A job and its progress."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str = Field(examples=["Import of deliveries"])
    status: Status = Field(description="Once it is `done`, its result can be downloaded.")
    position: int = Field(description="The number of parts that are done.", examples=[3])
    total: int = Field(description="The number of parts.", examples=[20])
    created_at: datetime
    finished_at: datetime | None
