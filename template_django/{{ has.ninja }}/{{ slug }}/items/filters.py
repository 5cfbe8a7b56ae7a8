"""The filters and the order of the list of items."""

from typing import Any, Literal

from django.db.models import QuerySet
from pydantic import Field

from ..pagination import fetch_page
from ..schemas import PageRequest, Text
from .models import Item

Sort = Literal["id", "-id", "name", "-name", "quantity", "-quantity", "created_at", "-created_at"]


class ItemQuery(PageRequest):
    """The requested part of the list of items."""

    search: Text = Field(default="", max_length=100, description="A part of the name.")
    min_quantity: int = Field(default=0, ge=0, le=2**31 - 1)
    sort: Sort = Field(default="id", description="A leading `-` sorts in descending order.")

    def page(self, queryset: QuerySet[Item]) -> dict[str, Any]:
        """Return the requested page."""
        if self.search:
            queryset = queryset.filter(name__icontains=self.search)
        if self.min_quantity:
            queryset = queryset.filter(quantity__gte=self.min_quantity)
        wanted = self.model_dump(include={*PageRequest.model_fields, "sort"})
        return fetch_page(queryset, **wanted)
