"""What clients send and get. Field by field, this is the API's documentation."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..core.schemas import Input, Unquoted, without_defaults

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(examples=["Lamp"], json_schema_extra={"pattern": r"\S"}),
]
Description = Annotated[str, StringConstraints(max_length=1000)]
Quantity = Annotated[int, Field(ge=0, le=2**31 - 1), Unquoted]


class ItemCreate(Input):
    """A new item."""

    name: Name
    description: Description = ""
    quantity: Quantity = 0


class ItemUpdate(ItemCreate):
    """Changes to an item: a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    name: Name = ""


class ItemRead(BaseModel):
    """An item."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str
    quantity: int
    created_at: datetime
    updated_at: datetime
