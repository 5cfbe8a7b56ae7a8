"""Live updates: docs/live.md."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = __name__.rpartition(".")[0]
