"""Base classes for request bodies, queries and lists."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# PostgreSQL cannot store NUL characters.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]

# A row's id in a path; a larger number would be a database error. In bodies, use Reference.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Input(BaseModel):
    """Base class for request bodies. Unknown fields, infinity and NaN are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("Input should be a valid integer")
    return value


# Rejects `"7"` and `true`, which Pydantic would accept as integers. It must come last; otherwise the
# OpenAPI schema omits the limits: `Annotated[int, Field(ge=0), Unquoted]`.
Unquoted = BeforeValidator(_number)

# A row's id in a body.
Reference = Annotated[Id, Unquoted]


def without_defaults(schema: dict[str, Any]) -> None:
    """Remove defaults from the schema of a partial update; otherwise, generated clients would send them."""
    for field in schema["properties"].values():
        field.pop("default", None)


class PageRequest(BaseModel):
    """The requested part of a list: `?limit=20&offset=40`."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)


class Page[T](BaseModel):
    """A part of a list, and the length of the whole list."""

    results: list[T]
    total: int
    limit: int
    offset: int
