"""Figures about all items: docs/cache.md."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save


class ItemStockConfig(AppConfig):
    name = __name__.rpartition(".")[0]

    def ready(self) -> None:
        from ..items.models import Item
        from .figures import forget_stock

        for signal in (post_save, post_delete):
            signal.connect(forget_stock, Item)
