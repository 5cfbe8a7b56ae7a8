"""An example: keep it as a model for your own apps, or delete it."""

from django.apps import AppConfig


class ItemsConfig(AppConfig):
    name = __name__.rpartition(".")[0]
