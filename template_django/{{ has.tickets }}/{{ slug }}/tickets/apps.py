"""Tickets that staff work on in the admin: docs/tickets.md."""

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = __name__.rpartition(".")[0]
