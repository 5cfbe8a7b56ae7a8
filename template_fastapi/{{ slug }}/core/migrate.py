"""Bring the database up to date. Start with ``python -m`` on this module."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from ..environment import environment
from . import logging
from .migration import PAUSES, Refused, run

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT / "migrations" / "versions"


def upgrade() -> None:
    """Apply every migration that the database lacks, each in a transaction of its own."""
    try:
        command.upgrade(Config(ROOT / "alembic.ini"), "head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise Refused(str(error)) from error
        # An older version is back, and a later one has migrated: what that added stays.
        log.warning("database is ahead of this version", revision=error.__cause__.argument)
    except Exception as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if VERSIONS in Path(frame.f_code.co_filename).parents:
                error.add_note(Path(frame.f_code.co_filename).stem)
                break
        raise


def main(pauses: Sequence[float] = PAUSES) -> int:
    """Return the exit code."""
    logging.configure(environment.log_level)
    return run(upgrade, environment.database_url, pauses)


if __name__ == "__main__":
    sys.exit(main())
