"""The login app: Django's own views, with the project's templates."""

from django.apps import AppConfig


class LoginConfig(AppConfig):
    name = __name__.rpartition(".")[0]
