"""Response bodies."""

from pydantic import BaseModel


class UserRead(BaseModel):
    """The caller, and what the token permits."""

    id: str
    scopes: list[str]
