"""The connection to the database."""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from . import tracing
from .pool import Pool

CONNECT_TIMEOUT = 5  # seconds
POOL_SIZE = 5  # connections a process: one for each of Gunicorn's threads and one for health checks
POOL_TIMEOUT = 5  # seconds that a request waits for one of them

MALFORMED = "a URL as libpq reads it, with no parameters but libpq's"


def database_from(url: str) -> dict[str, Any]:
    """Translate `url`, which names SQLite or PostgreSQL, for Django's DATABASES."""
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            # A transaction that begins by reading would fail at its first write, where another one
            # wrote meanwhile, instead of waiting for it.
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    # libpq reads the URL, so that all which psql understands works here too.
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:  # whose message can hold the password
        raise SystemExit(f"DATABASE_URL: {MALFORMED}") from None
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, **parts}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "OPTIONS": {
            **options,
            "pool": {"min_size": 1, "max_size": POOL_SIZE, "timeout": POOL_TIMEOUT},
        },
    }


def trace_queries() -> None:
    """Record queries as spans, where the request is recorded."""
    connection_created.connect(_trace_connection, dispatch_uid=__name__)


def _trace_connection(connection: BaseDatabaseWrapper, **_: object) -> None:
    if _execute not in connection.execute_wrappers:
        connection.execute_wrappers.append(_execute)


def _execute(execute: Callable[..., object], sql: str, *arguments: Any) -> object:
    if not tracing.is_recording():
        return execute(sql, *arguments)
    *_, context = arguments
    with tracing.query_span(context["connection"].vendor, sql):
        return execute(sql, *arguments)


def pool() -> Pool:
    """Measure the state of this process's connections."""
    connections = getattr(connection, "pool", None)  # SQLite has none
    if not connections:
        return Pool(0, 0, 0, 0)
    stats = connections.get_stats()
    size, idle = stats["pool_size"], stats["pool_available"]
    return Pool(idle, size - idle, stats["pool_max"], stats.get("requests_waiting", 0))


def violates_unique(error: IntegrityError) -> bool:
    """Whether the database refused a value because another row has it."""
    cause = error.__cause__
    return (
        getattr(cause, "sqlstate", "") == "23505"
        or getattr(cause, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_UNIQUE"
    )
