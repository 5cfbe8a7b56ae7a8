"""A catalogue, a basket, and orders that a payment provider confirms: docs/shop.md."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = __name__.rpartition(".")[0]
