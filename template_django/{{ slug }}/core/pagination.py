"""Lists in pages: `?limit=20&offset=40`."""

from typing import Any

from django.db.models import Model, QuerySet
from pydantic import BaseModel, Field


class PageRequest(BaseModel):
    """Which part of a list a client asks for."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)


class Page[T](BaseModel):
    """A part of a list, and how long the list is."""

    items: list[T]
    total: int
    limit: int
    offset: int


def fetch_page[M: Model](queryset: QuerySet[M], page: PageRequest) -> dict[str, Any]:
    """Fetch the rows of one page and count those of all. Order the queryset, or pages overlap."""
    return {
        "items": list(queryset[page.offset : page.offset + page.limit]),
        "total": queryset.count(),
        "limit": page.limit,
        "offset": page.offset,
    }
