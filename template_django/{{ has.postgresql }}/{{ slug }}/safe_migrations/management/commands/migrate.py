"""Django's `migrate` for a database in use: see docs/migrations.md."""

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import connections

from ...locking import MigrationError, lock_for_migration, retry


class Command(migrate.Command):
    """On PostgreSQL, set timeouts, run one process at a time, and retry."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            super().handle(*args, **options)
            return

        def attempt() -> None:
            connection.close()
            connection.ensure_connection()
            lock_for_migration(connection.connection)
            migrate.Command.handle(self, *args, **options)

        # The lock and the timeouts end with the connection, so it must not return to the pool.
        connection.close()
        pool = connection.settings_dict["OPTIONS"].pop("pool", None)
        try:
            retry(attempt)
        except MigrationError as error:
            raise CommandError(str(error)) from error
        finally:
            connection.close()
            connection.settings_dict["OPTIONS"]["pool"] = pool
