"""Lists in pages: `?limit=20&offset=40`."""

from typing import Any

from django.db.models import Model, QuerySet

from .schemas import PageRequest


def fetch_page[M: Model](queryset: QuerySet[M], page: PageRequest) -> dict[str, Any]:
    """Fetch the rows of one page and count those of all. Order the queryset, or pages overlap."""
    return {
        "results": list(queryset[page.offset : page.offset + page.limit]),
        "total": queryset.count(),
        "limit": page.limit,
        "offset": page.offset,
    }
