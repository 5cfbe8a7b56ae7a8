"""Connections that a server has closed, or that became useless."""

import selectors

import psycopg
from django.db import connections


def refuse_closed(idle: psycopg.Connection) -> None:
    """Reject a closed connection, and replace the others too: the server has probably restarted."""
    with selectors.DefaultSelector() as selector:  # nothing else arrives on an idle connection
        selector.register(idle.fileno(), selectors.EVENT_READ)
        if selector.select(0):
            renew_connections()
            raise psycopg.OperationalError("the server has closed the connection")


def renew_connections() -> None:
    """Replace idle connections now, and others once they are returned to the pool."""
    for each in connections.all(initialized_only=True):
        if pool := getattr(each, "pool", None):  # PostgreSQL only
            pool.drain()
