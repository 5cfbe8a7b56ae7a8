"""Django's `migrate` for a database in use: see docs/migrations.md."""

import sqlite3
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, connections

from ....core import database
from ... import locking


class Command(migrate.Command):
    """On a SQLite file, run one process at a time, and wait for requests that write."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection: Any = connections[options["database"]]
        is_file = connection.vendor == "sqlite" and not connection.is_in_memory_db()
        if not is_file or connection.in_atomic_block:
            super().handle(*args, **options)
            return
        settings = connection.settings_dict
        usual = settings["OPTIONS"]
        connection.close()
        settings["OPTIONS"] = usual | {"timeout": locking.WRITE_TURN}
        try:
            with locking.turn(settings["NAME"]), database.limit(locking.MIGRATION_LIMIT):
                super().handle(*args, **options)
        except (DatabaseError, sqlite3.Error, locking.MigrationError) as error:
            raise CommandError(str(error)) from error
        finally:
            connection.close()
            settings["OPTIONS"] = usual
