"""Tells pages when items change."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class ItemUpdatesConfig(AppConfig):
    name = __name__.rpartition(".")[0]

    def ready(self) -> None:
        """Connect the signals. Bulk operations send none: call announce() after them."""
        from ..items.models import Item
        from .consumers import announce_items

        post_save.connect(announce_items, Item)
        post_delete.connect(announce_items, Item)
