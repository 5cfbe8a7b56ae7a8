"""What the bodies and queries of all resources have in common."""

from typing import Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
)
from pydantic_core import CoreSchema


class Input(BaseModel):
    """Derive from this what clients send. Unknown fields are mistakes: refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("NUL characters are not allowed")  # PostgreSQL cannot store them
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say so in the API's schema, too."""
        schema = handler(core_schema)
        for field in handler.resolve_ref_schema(schema)["properties"].values():
            for kind in (field, *field.get("anyOf", ())):
                if kind.get("type") == "string" and "format" not in kind:
                    kind.setdefault("not", {"pattern": r"\x00"})
        return schema


def _number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("Input should be a valid integer")
    return value


# Of a body's integer, `"7"` and `true` are none, though Pydantic would take them. It belongs last, or
# the schema loses the limits: `Annotated[int, Field(ge=0), Unquoted]`.
Unquoted = BeforeValidator(_number)


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
