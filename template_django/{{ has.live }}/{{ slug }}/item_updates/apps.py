"""Tells the pages when items change."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class ItemUpdatesConfig(AppConfig):
    name = __name__.rpartition(".")[0]

    def ready(self) -> None:
        """Connect the signals, which `update()` and bulk operations do not send: call announce() after those."""
        from ..items.models import Item
        from .consumers import announce_items

        post_save.connect(announce_items, Item)
        post_delete.connect(announce_items, Item)
