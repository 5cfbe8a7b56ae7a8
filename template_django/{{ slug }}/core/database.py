"""The connection to the database."""

import select
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg import Connection, OperationalError, ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from . import tracing
from .pool import Pool
from .sizing import REQUESTS
from .timeouts import CONNECT, POOL_WAIT

MALFORMED = "a URL as libpq reads it, with no parameters but libpq's"


def database_from(url: str, pool_size: int = REQUESTS) -> dict[str, Any]:
    """Translate `url`, which names SQLite or PostgreSQL, for Django's DATABASES.

    A process opens up to `pool_size` connections for requests, and one for the readiness probe.
    """
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
    options: dict[str, Any] = {"connect_timeout": CONNECT, **parts}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "OPTIONS": {
            **options,
            "pool": {
                "min_size": 1,
                # A request is a thread, and each uses one at a time.
                "max_size": min(pool_size, REQUESTS) + 1,
                "timeout": POOL_WAIT,
                # Tried at longer and longer intervals, but no longer than that: then the next request
                # tries anew. So the pool recovers soon, however long the database was away.
                "reconnect_timeout": POOL_WAIT,
                "check": refuse_closed,
            },
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
    limit = connection.settings_dict["OPTIONS"].get("pool", {}).get("max_size", 0)
    # Not `connection.pool`, which would open them, perhaps to another database than tests will use.
    pools = getattr(connection, "_connection_pools", {})  # SQLite has none
    if not (opened := pools.get(connection.alias)):
        return Pool(0, 0, limit, 0)
    stats = opened.get_stats()
    size, idle = stats["pool_size"], stats["pool_available"]
    return Pool(idle, size - idle, limit, stats.get("requests_waiting", 0))


def refuse_closed(connection: Connection) -> None:
    """Let a request have a new connection in place of one that the database has closed meanwhile.

    Such as by a restart. Nobody has asked an idle connection anything, so that there is something to
    read only if it has ended; to look costs no round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        # Away with all the others too: the pool tries again at once only one time, then waits.
        connections["default"].pool.drain()  # type: ignore[attr-defined]  # it is PostgreSQL's
        raise OperationalError("the database has closed the connection")


def close_pools() -> None:
    """Take leave of the database."""
    for each in connections.all():
        if hasattr(each, "close_pool"):
            each.close_pool()


def violates_unique(error: IntegrityError) -> bool:
    """Whether the database refused a value because another row has it."""
    cause = error.__cause__
    return (
        getattr(cause, "sqlstate", "") == "23505"
        or getattr(cause, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_UNIQUE"
    )
