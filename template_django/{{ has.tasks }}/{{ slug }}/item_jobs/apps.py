"""Imports and reports of items: docs/jobs.md."""

from django.apps import AppConfig


class ItemJobsConfig(AppConfig):
    name = __name__.rpartition(".")[0]
