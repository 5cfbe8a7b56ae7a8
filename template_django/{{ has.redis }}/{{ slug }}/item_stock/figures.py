"""Cached figures about all items, which are slow to compute if there are many."""

from django.core.cache import caches
from django.db import transaction
from django.db.models import Count, Sum

from ..items.models import Item

KEY = "item-stock"
MAX_AGE = 60  # seconds; for changes without signals, and for reads during a change


def stock() -> dict[str, int]:
    """Return how many items there are, and how many pieces of them are in stock."""
    found: dict[str, int] = caches["redis"].get_or_set(KEY, _count, MAX_AGE) or _count()
    return found


def forget_stock(**_: object) -> None:
    """Delete the figures after the commit: until then, other requests read the old rows."""
    transaction.on_commit(lambda: caches["redis"].delete(KEY))


def _count() -> dict[str, int]:
    found = Item.objects.aggregate(items=Count("pk"), pieces=Sum("quantity", default=0))
    return {"items": found["items"], "pieces": found["pieces"]}
