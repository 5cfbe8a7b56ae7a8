"""The base class of request bodies, and types of their fields."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# {{ "SQLite's functions end a text at" if has.sqlite else "PostgreSQL cannot store" }} NUL characters.
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
