"""Notes."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    """The app, as Django knows it."""

    name = __name__.rpartition(".")[0]
