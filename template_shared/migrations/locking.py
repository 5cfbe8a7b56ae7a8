"""Locks and retries for migrations of a PostgreSQL database in use."""

import random
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable

# A migration that waits for a lock blocks later queries on that table. Give up after one second,
# before those queries reach their two-second lock_timeout, and retry.
MIGRATION_LIMITS = (
    "SET lock_timeout = '1s'; SET statement_timeout = '15min'; "
    "SET idle_in_transaction_session_timeout = '15min'"  # Python between two statements
)
MIGRATION_TURN = 15 * 60  # seconds to wait for another migration
MIGRATION_LOCK = int.from_bytes(b"migrate")  # the key of the advisory lock
PAUSES = (1, 2, 4, 8, 8, 8, 8, 8, 8)  # seconds between attempts

# libpq reports a failed connection without a SQLSTATE, so match the message. A translated message
# does not match; the connection is then retried needlessly.
_is_refused = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba.conf entry"
    r"|not permitted to|permission denied"
).search

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """A migration failed for a reason that fits on one line."""


def lock_for_migration(connection: psycopg.Connection[Any]) -> None:
    """Set timeouts on this connection, then wait until no other migration runs.

    The lock belongs to the session, so it is released when the connection closes for any reason.
    Raises MigrationError behind a connection pooler, which would assign the session to another
    client.
    """
    (backend,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (None,)
    if backend != connection.info.backend_pid:
        raise MigrationError(
            "DATABASE_URL points to a connection pooler: connect to the server directly to migrate"
        )
    connection.execute(MIGRATION_LIMITS)
    deadline = time.monotonic() + MIGRATION_TURN
    is_waiting = False
    # Poll: a blocking wait would hold a snapshot, and CREATE INDEX CONCURRENTLY would wait for it.
    take = f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})"
    while connection.execute(take).fetchone() != (True,):
        connection.commit()
        if not is_waiting:
            log.info("waiting for another migration to end")
        is_waiting = True
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another migration is still running after {MIGRATION_TURN} seconds"
            )
        time.sleep(0.2)
    connection.commit()


def retry(migrate: Callable[[], None], pauses: Sequence[float] = PAUSES) -> None:
    """Call `migrate`, and retry transient failures.

    These are lock timeouts, deadlocks, and lost or refused connections. Raises MigrationError with
    the database's message for permanent failures; other exceptions propagate.
    """
    for pause in (*pauses, None):  # pragma: no branch - the last pass returns or raises
        try:
            migrate()
        except Exception as error:
            cause = database_error(error)
            if cause is None:
                raise
            # The driver's message without its details, which may contain data.
            primary = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
            reason = " ".join((primary or str(cause)).split())
            if pause is None or not _may_pass(cause):
                raise MigrationError(reason) from error
            seconds = round(pause * random.uniform(0.5, 1.5), 2)  # noqa: S311
            log.warning("migration will be retried", reason=reason, seconds=seconds)
            time.sleep(seconds)
        else:
            return


def database_error(error: BaseException | None) -> psycopg.Error | sqlite3.Error | None:
    """Find the driver's exception behind those of the framework."""
    while error:
        if isinstance(error, psycopg.Error | sqlite3.Error):
            return error
        error = error.__cause__
    return None


def _may_pass(error: psycopg.Error | sqlite3.Error) -> bool:
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return not _is_refused(str(error))  # the connection is lost, or was never made
    return isinstance(error, DeadlockDetected | LockNotAvailable)
