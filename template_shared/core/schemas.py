"""What the bodies and queries of all resources have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Input(BaseModel):
    """Derive from this what clients send. Unknown fields are mistakes: refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("NUL characters are not allowed")  # PostgreSQL cannot store them
        return value


def without_defaults(schema: dict[str, Any]) -> None:
    """Describe changes without what a new resource starts from: generated clients would send it."""
    for field in schema["properties"].values():
        field.pop("default", None)


class PageRequest(BaseModel):
    """Which part of a list a client asks for: `?limit=20&offset=40`."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)


class Page[T](BaseModel):
    """A part of a list, and how long the list is."""

    results: list[T]
    total: int
    limit: int
    offset: int
