"""Notes."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    """The app's configuration."""

    name = __name__.rpartition(".")[0]
