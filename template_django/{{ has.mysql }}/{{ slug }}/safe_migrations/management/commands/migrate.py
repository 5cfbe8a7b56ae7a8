"""Django's `migrate` for a database in use: see docs/migrations.md."""

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, connections

from ... import locking


class Command(migrate.Command):
    """On MySQL, run one process at a time, and wait only briefly for tables in use."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "mysql" or connection.in_atomic_block:
            super().handle(*args, **options)
            return
        try:
            with (
                locking.turn(connection, locking.MIGRATION_TURN),
                connection.execute_wrapper(locking.retry_definitions),
            ):
                super().handle(*args, **options)
        except (DatabaseError, locking.MigrationError) as error:
            raise CommandError(str(error)) from error
