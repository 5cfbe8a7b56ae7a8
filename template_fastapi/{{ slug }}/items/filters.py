"""The filters and the order of the list of items."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from sqlalchemy import Select

from ..pagination import Column, PageRequest
from ..schemas import Text
from .models import Item

COLUMNS: dict[str, Column] = {
    "id": Item.id,
    "name": Item.name,
    "quantity": Item.quantity,
    "created_at": Item.created_at,
}
Sort = Literal["id", "-id", "name", "-name", "quantity", "-quantity", "created_at", "-created_at"]


class ItemList(PageRequest):
    """The requested part of the list of items."""

    search: Text = Field(default="", max_length=100, description="A part of the name.")
    min_quantity: int = Field(default=0, ge=0, le=2**31 - 1)
    sort: Sort = Field(default="id", description="`-` sorts the greatest first.")

    def filtered(self, statement: Select[Item]) -> Select[Item]:
        """Select only what is asked for."""
        if self.search:
            statement = statement.where(Item.name.icontains(self.search, autoescape=True))
        if self.min_quantity:
            statement = statement.where(Item.quantity >= self.min_quantity)
        return statement

    @property
    def columns(self) -> list[Column]:
        """By the given column; the id decides between equal values."""
        return list(dict.fromkeys([COLUMNS[self.sort.removeprefix("-")], Item.id]))


ItemQuery = Annotated[ItemList, Query()]
