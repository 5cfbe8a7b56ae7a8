"""Articles that editors write and reviewers publish: docs/articles.md."""

from django.apps import AppConfig


class ArticlesConfig(AppConfig):
    name = __name__.rpartition(".")[0]
