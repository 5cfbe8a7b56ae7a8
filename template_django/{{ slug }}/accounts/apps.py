"""The accounts app: users of this service."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = __name__.rpartition(".")[0]
    verbose_name = "Users"  # the heading in the admin
