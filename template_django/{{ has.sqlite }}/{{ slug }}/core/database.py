"""The database: settings, time limits, and translation of its errors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.db.models import ProtectedError, RestrictedError
from django.db.utils import IntegrityError, InterfaceError, OperationalError
from django.dispatch import receiver

# Settings import this first: apps may create metrics, whose directory `metrics` makes.
from . import metrics, sqlite  # noqa: F401
from .problems import ConflictError, InvalidError

DUPLICATE = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
REQUEST_LIMIT = 15  # seconds from a request's start, for all its queries; the proxy waits 20
CHECK_AFTER = 100_000  # steps of a query between two looks at the clock: about a millisecond


class Clock(threading.local):
    """The deadline for the queries of this thread."""

    end = float("inf")


clock = Clock()


def from_url(url: str, *, is_kept_open: bool) -> dict[str, Any]:
    """Return an entry of DATABASES. Metrics and the readiness probe cover only `default`.

    The last connection that closes writes the log back into the file: in production, each thread
    keeps its connection.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": sqlite.file(url),
        "CONN_MAX_AGE": None if is_kept_open else 0,
        "OPTIONS": {
            "timeout": sqlite.BUSY_TIMEOUT,
            # By default, a transaction that reads before it writes fails while another one writes.
            "transaction_mode": "IMMEDIATE",
            "init_command": sqlite.PRAGMAS,
        },
    }


@receiver(connection_created)
def watch_the_clock(connection: Any, **_: object) -> None:
    """Interrupt queries at their deadline. SQLite itself has no time limit."""
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(lambda: monotonic() > clock.end, CHECK_AFTER)


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Interrupt the queries of this thread that run longer than the block may."""
    before, clock.end = clock.end, monotonic() + seconds
    try:
        yield
    finally:
        clock.end = before


@receiver(request_started)
def start_the_clock(**_: object) -> None:
    """Limit the queries of a request. Those of commands have no limit."""
    clock.end = monotonic() + REQUEST_LIMIT


@receiver(request_finished)
def stop_the_clock(**_: object) -> None:
    """End the limit, once the response is closed."""
    clock.end = Clock.end


def ping() -> None:
    """Raise an exception unless the file is a database with tables."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_schema")
            if cursor.fetchone() == (0,):
                raise OperationalError("the database is empty: is its volume mounted?")
    finally:
        connection.close()


def is_unavailable(error: Exception) -> bool:
    """Return whether the database is busy, unreadable or read-only, or a query took too long."""
    # SQLite reports errors in SQL as operational ones.
    is_about_sql = getattr(error.__cause__, "sqlite_errorname", None) == "SQLITE_ERROR"
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
        kind = getattr(error.__cause__, "sqlite_errorname", None)
        if duplicate and kind in DUPLICATE:
            raise ConflictError(duplicate) from error
        if (missing or referenced) and kind in ("SQLITE_CONSTRAINT_FOREIGNKEY", None):
            raise InvalidError(missing) if missing else ConflictError(referenced) from error
        raise
