"""Who uses this service."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app, as Django knows it."""

    name = __name__.rpartition(".")[0]
