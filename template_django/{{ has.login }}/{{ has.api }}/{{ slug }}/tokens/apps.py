"""Tokens that let programs use the API as a user. docs/api.md explains them."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = __name__.rpartition(".")[0]
