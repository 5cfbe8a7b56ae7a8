"""Response bodies."""

from pydantic import BaseModel, Field


class UserRead(BaseModel):
    """The caller, and what the token permits."""

    id: str = Field(examples=["6f1c2b34"])
    scopes: list[str] = Field(examples=[["items:write"]])
