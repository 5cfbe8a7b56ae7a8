"""The filters and the order of the list of items."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from ..pagination import fetch_page
from ..serializers import PageQuery
from .models import Item

FIELDS = ("id", "name", "quantity", "created_at")
SORTS = [f"{sign}{field}" for field in FIELDS for sign in ("", "-")]


class ItemQuery(PageQuery):
    """The requested part of the list of items."""

    search = serializers.CharField(
        default="", allow_blank=True, max_length=100, help_text="A part of the name."
    )
    min_quantity = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    sort = serializers.ChoiceField(
        choices=SORTS, default="id", help_text="A leading `-` sorts in descending order."
    )

    def page(self, queryset: QuerySet[Item]) -> dict[str, Any]:
        """Return the requested page."""
        wanted = dict(self.validated_data)
        if search := wanted.pop("search"):
            queryset = queryset.filter(name__icontains=search)
        if minimum := wanted.pop("min_quantity"):
            queryset = queryset.filter(quantity__gte=minimum)
        return fetch_page(queryset, **wanted)
