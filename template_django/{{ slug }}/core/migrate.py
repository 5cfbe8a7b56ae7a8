"""Bring the database up to date. Start with ``python -m`` on this module."""

import os
import sys
from collections.abc import Sequence
from typing import Any, override

import django
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command
from django.db import connection
from django.db.migrations.exceptions import InconsistentMigrationHistory, NodeNotFoundError

from ..environment import environment
from .migration import PAUSES, Refused, log, prepare, run


class Migrate(Command):
    """Django's command, which logs what it does and knows what it was doing."""

    current: str | None = None

    @override
    def migration_progress_callback(
        self, action: str, migration: Any = None, fake: bool = False
    ) -> None:
        if action == "apply_start":
            self.current = str(migration)
        elif action == "apply_success":
            self.current = None
            log.info("applied", migration=str(migration))


def upgrade() -> None:
    """Apply every migration that the database lacks, each in a transaction of its own."""
    command = Migrate()
    try:
        connection.ensure_connection()
        if connection.vendor == "postgresql":
            prepare(connection.connection)
        call_command(command, interactive=False, verbosity=0)
    except (CommandError, InconsistentMigrationHistory, NodeNotFoundError) as error:
        raise Refused(str(error)) from error
    except Exception as error:
        if command.current:
            error.add_note(command.current)
        raise
    finally:
        connection.close()


def main(pauses: Sequence[float] = PAUSES) -> int:
    """Return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__package__.partition('.')[0]}.settings")
    django.setup()
    # One connection is enough, and tells why it fails; a pool would try on in the background.
    connection.settings_dict["OPTIONS"].pop("pool", None)
    return run(upgrade, environment.database_url, pauses)


if __name__ == "__main__":
    sys.exit(main())
