"""Find migrations that lock a table in use or break the running version."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import BaseCommand
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from ... import squawk

ROOT = Path(__file__).parents[4]  # of the project; its virtual environment may be below it


class Command(BaseCommand):
    """Apply all migrations to a scratch database, and check the SQL that each executed."""

    help = __doc__

    def handle(self, **_: Any) -> None:
        if connection.vendor != "postgresql":
            self.stdout.write("Migrations are not linted: DATABASE_URL is not a PostgreSQL URL.")
            return
        self.executed: dict[Any, list[str]] = {}
        self.statements: list[str] = []
        name = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = f"lint_{name}"
        with connection.execute_wrapper(self.record):
            connection.creation.create_test_db(verbosity=0, autoclobber=True)
        connection.creation.destroy_test_db(name, verbosity=0)
        sys.exit(squawk.check(ROOT, self.scripts()))

    def record(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Collect each statement, and assign it to the migration that Django records next."""
        result = execute(sql, params, many, context)
        if sql.startswith('INSERT INTO "django_migrations"'):
            self.executed[tuple(params[:2])], self.statements = self.statements, []
        elif not sql.startswith("SELECT"):
            cursor = context["cursor"].cursor
            self.statements.append(connection.ops.last_executed_query(cursor, sql, params))
        return result

    def scripts(self) -> Iterator[tuple[Path, str]]:
        """Yield the file and the SQL of every migration of this project's apps."""
        for key, migration in MigrationLoader(None).disk_migrations.items():
            path = Path(apps.get_app_config(key[0]).path)
            if path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix):
                script = ";\n".join([*self.executed.get(key, ()), ""])
                script = f"BEGIN;\n{script}COMMIT;\n" if migration.atomic else script
                yield Path(inspect.getfile(type(migration))), script
