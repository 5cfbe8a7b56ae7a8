"""Request and response bodies. Their fields are the API's documentation."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ..schemas import Input, Text, Unquoted, without_defaults


def _trimmed(name: object) -> object:
    """Trim a name, unless it is too long: the schema's limit includes leading and trailing spaces."""
    return name.strip() if isinstance(name, str) and len(name) <= 100 else name


Name = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=100),
    Field(examples=["Lamp"], json_schema_extra={"pattern": r"^[^\x00]*\S[^\x00]*$"}),
    BeforeValidator(_trimmed),
]
Description = Annotated[Text, StringConstraints(max_length=1000), Field(examples=["For the desk"])]
Quantity = Annotated[int, Field(ge=0, le=2**31 - 1, examples=[3]), Unquoted]
Time = Annotated[datetime, Field(examples=["2026-01-02T03:04:05Z"])]


class ItemCreate(Input):
    """A new item."""

    name: Name
    description: Description = ""
    quantity: Quantity = 0


class ItemUpdate(ItemCreate):
    """Changes to an item. Fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    # A default only means that the field may be left out.
    name: Name = ""


class ItemRead(BaseModel):
    """An item."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1])
    name: str = Field(examples=["Lamp"])
    description: str = Field(examples=["For the desk"])
    quantity: int = Field(examples=[3])
    created_at: Time
    updated_at: Time
