"""How a migration shares the database with the running service and with other migrations."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.errors import CannotConnectNow, DeadlockDetected, LockNotAvailable
from psycopg.pq import PGconn, Ping

from .timeouts import CONNECT, TURN

# A migration that waits for a lock makes every later query wait behind it: better to fail and try again.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "15min"
PAUSES = (1, 2, 4, 8)  # seconds between attempts
LOCK = int.from_bytes(b"migrate")  # the number of PostgreSQL's advisory lock

log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818
    """There can be no migration, for a reason that needs no traceback."""


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Limit what a connection waits for, and wait until no other one migrates.

    The lock goes with the connection: whoever is killed holds it only as long as PostgreSQL works
    for them.
    """
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
    deadline = time.monotonic() + TURN
    waiting = False
    # To wait inside of a statement would keep a snapshot, for whose end CREATE INDEX CONCURRENTLY waits.
    while connection.execute(f"SELECT pg_try_advisory_lock({LOCK})").fetchone() != (True,):
        connection.commit()
        if not waiting:
            log.info("waiting for another migration to end")
            waiting = True
        if time.monotonic() > deadline:
            raise Refused(f"another migration has not ended in {TURN} seconds")
        time.sleep(0.2)
    connection.commit()


def run(upgrade: Callable[[], None], url: str, pauses: Sequence[float] = PAUSES) -> int:
    """Call `upgrade`, again where a failure may pass, and return the exit code of the process."""
    for attempt, pause in enumerate((*pauses, None), start=1):
        reachable = _reachable(url)
        try:
            upgrade()
        except Exception as error:
            cause = next(_causes(error), None)
            notes = getattr(error, "__notes__", [])
            where = {"migration": notes[0]} if notes else {}
            if not cause:
                log.exception("migration failed", **where)
                return 1
            reason = _reason(cause)
            passing = isinstance(cause, CannotConnectNow | DeadlockDetected | LockNotAvailable)
            if pause is None or (reachable and not passing):
                log.error("migration failed", **where, reason=reason, attempts=attempt)
                return 1
            seconds = round(pause * random.uniform(0.5, 1.5), 2)  # noqa: S311
            log.warning("migration will be tried again", **where, reason=reason, seconds=seconds)
            time.sleep(seconds)
        else:
            log.info("database is up to date")
            return 0
    raise AssertionError


def _reachable(url: str) -> bool:
    """Whether the database takes connections. What it refuses afterwards, it will refuse again."""
    if url.startswith("sqlite"):
        return True
    try:
        address = make_conninfo(url, connect_timeout=CONNECT)
    except psycopg.ProgrammingError:
        return True
    return PGconn.ping(address.encode()) not in {Ping.REJECT, Ping.NO_RESPONSE}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what says why in a line, however the framework wrapped it."""
    while error:
        if isinstance(error, psycopg.Error | sqlite3.Error | Refused):
            yield error
        error = error.__cause__


def _reason(error: BaseException) -> str:
    """Say what the database said, without details, in which there may be data."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((primary or str(error)).split())
