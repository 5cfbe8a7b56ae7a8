"""What every body that a client sends has in common."""

from pydantic import BaseModel, ConfigDict, field_validator


class Input(BaseModel):
    """Derive from this what clients send. Unknown fields are mistakes: refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("NUL characters are not allowed")  # PostgreSQL cannot store them
        return value
