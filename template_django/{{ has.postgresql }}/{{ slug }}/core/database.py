"""The database: settings, and translation of its errors."""

import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.signals import request_finished
from django.db import connection, connections, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.utils import IntegrityError, InterfaceError, OperationalError
from django.dispatch import receiver

from . import metrics, postgres
from .problems import ConflictError, InvalidError

DUPLICATE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}


def from_url(url: str, pool_size: int) -> dict[str, Any]:
    """Return an entry of DATABASES. Metrics and the readiness probe cover only `default`."""
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            # By default, a transaction that reads before it writes fails while another one writes.
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    options = postgres.parameters(url)
    options["pool"] = {
        "min_size": 1,
        "max_size": pool_size,
        "timeout": 2,  # seconds; requests wait only if the database is down, each in a thread
        "reconnect_timeout": postgres.POOL_TIMEOUT,
        "check": refuse_closed,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname", ""),
        **{name.upper(): options.pop(name, "") for name in ("user", "password", "host", "port")},
        "OPTIONS": options,
    }


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


@receiver(request_finished)
def measure_pool(**_: object) -> None:
    """Record how much of the default database's pool is in use, after each request."""
    if pool := getattr(connection, "pool", None):
        stats = pool.get_stats()
        metrics.MAX_CONNECTIONS.set(stats["pool_max"])
        metrics.CONNECTIONS.labels("idle").set(stats["pool_available"])
        metrics.CONNECTIONS.labels("used").set(stats["pool_size"] - stats["pool_available"])


def ping() -> None:
    """Raise an exception unless the database responds and accepts writes."""
    try:
        with connection.cursor() as cursor:
            on_sqlite = connection.vendor == "sqlite"
            cursor.execute("SELECT 'off'" if on_sqlite else "SHOW transaction_read_only")
            if cursor.fetchone() != ("off",):
                renew_connections()
                raise OperationalError("the server is read-only")
    finally:
        connection.close()


def is_unavailable(error: Exception) -> bool:
    """Return whether the database is unreachable, busy or read-only."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) == postgres.READ_ONLY:
        renew_connections()
        return True
    # SQLite reports errors in SQL as operational ones.
    is_about_sql = getattr(cause, "sqlite_errorname", None) == "SQLITE_ERROR"
    return isinstance(error, InterfaceError | OperationalError) and not is_about_sql


@contextmanager
def constraints(*, duplicate: str = "", missing: str = "", referenced: str = "") -> Iterator[None]:
    """Translate constraint violations into errors with the given messages.

    `duplicate` (409): another row has the value, of any unique constraint. `missing` (422): the
    referenced row does not exist. `referenced` (409): other rows refer to the deleted row.
    """
    try:
        with transaction.atomic():
            yield
            if missing:
                connection.check_constraints()  # Django defers foreign keys to the commit
    except (ProtectedError, RestrictedError) as error:
        raise ConflictError(referenced) from error
    except IntegrityError as error:
        cause = error.__cause__
        kind = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
        if duplicate and kind in DUPLICATE:
            raise ConflictError(duplicate) from error
        if (missing or referenced) and kind in ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY", None):
            raise InvalidError(missing) if missing else ConflictError(referenced) from error
        raise
