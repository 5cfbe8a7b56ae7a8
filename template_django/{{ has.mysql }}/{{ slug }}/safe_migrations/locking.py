"""Locks and retries for migrations of a MySQL or MariaDB database in use."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from ..core import mysql

# A statement that waits for a table blocks later queries on it. Give up after one second, before
# those queries reach their two seconds, and try again. Nothing else has a limit of this session.
LIMITS = (
    "SET lock_wait_timeout = 1, innodb_lock_wait_timeout = 50, wait_timeout = 28800 "
    "/*!80000 , max_execution_time = 0 */ /*M!100100 , max_statement_time = 0 */"
)
MIGRATION_TURN = 15 * 60  # seconds to wait for another migration
PAUSES = (1, 2, 4, 8, 8, 8, 8, 8, 8)  # seconds between attempts
MAY_PASS = {1040, 1053, 1203, 1205, 1213, 2002, 2003}  # a lock, or no connection at this moment

# Each of these statements commits, also within a transaction: on its own, it can be repeated.
_is_definition = re.compile(r"\s*(ALTER|CREATE|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE).match

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """A migration failed for a reason that fits on one line."""


@contextmanager
def turn(connection: BaseDatabaseWrapper, seconds: int = MIGRATION_TURN) -> Iterator[None]:
    """Wait until no other process migrates this database. Raises MigrationError.

    The lock belongs to the session, so it is released when the connection closes for any reason.
    """
    connection.close()
    _retry(connection.ensure_connection)
    name = f"migrate {connection.settings_dict['NAME']}"[:64]
    with connection.cursor() as cursor:
        cursor.execute(LIMITS)
        cursor.execute("SELECT get_lock(%s, 0)", [name])
        if cursor.fetchone() != (1,):
            log.info("waiting for another migration to end")
            cursor.execute("SELECT get_lock(%s, %s)", [name, seconds])
            if cursor.fetchone() != (1,):
                raise MigrationError(f"another migration is still running after {seconds} seconds")
    try:
        yield
    finally:
        connection.close()


def retry_definitions(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Repeat a statement that changes a table if it gets no lock: a wrapper of all queries."""
    if not _is_definition(sql):
        return execute(sql, params, many, context)
    return _retry(lambda: execute(sql, params, many, context))


def _retry[T](attempt: Callable[[], T]) -> T:
    for pause in PAUSES:
        try:
            return attempt()
        except OperationalError as error:
            if mysql.code(error.__cause__) not in MAY_PASS:
                raise
            seconds = round(pause * random.uniform(0.5, 1.5), 2)  # noqa: S311
            log.warning("migration will be retried", reason=str(error), seconds=seconds)
            time.sleep(seconds)
    return attempt()
