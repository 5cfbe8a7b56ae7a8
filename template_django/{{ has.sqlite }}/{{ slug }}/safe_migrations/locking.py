"""One migration at a time: SQLite's own lock on a second file, which ends with the process."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog

MIGRATION_TURN = 15 * 60  # seconds to wait for another migration
MIGRATION_LIMIT = 15 * 60  # seconds for all statements of a run
# A migration that waits for requests that write blocks none of them, so it may wait.
WRITE_TURN = 60

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """A migration failed for a reason that fits on one line."""


@contextmanager
def turn(database: str, seconds: int = MIGRATION_TURN) -> Iterator[None]:
    """Wait until no other process migrates the file `database`. Raises MigrationError."""
    lock = sqlite3.connect(f"{database}-migrate", timeout=0, isolation_level=None)
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            log.info("waiting for another migration to end")
            lock.execute(f"PRAGMA busy_timeout = {seconds * 1000}")
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                raise MigrationError(
                    f"another migration is still running after {seconds} seconds"
                ) from error
        yield
