"""Lists in pages: `?limit=20&offset=40`."""

from typing import Any

from django.db.models import QuerySet

from .schemas import PageRequest


def fetch_page(queryset: QuerySet[Any], page: PageRequest) -> dict[str, Any]:
    """Fetch one page of an ordered queryset, and count all its rows."""
    rows = list(queryset[page.offset : page.offset + page.limit])
    return {"results": rows, "total": queryset.count(), **page.model_dump()}
