"""Jobs: docs/jobs.md."""

from django.apps import AppConfig


class BackgroundConfig(AppConfig):
    name = __name__.rpartition(".")[0]
