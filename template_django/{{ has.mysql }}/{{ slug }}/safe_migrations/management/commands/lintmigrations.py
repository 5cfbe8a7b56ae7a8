"""Find migrations that break the running version."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import BaseCommand
from django.db import connection
from django_migration_linter import MigrationLinter

ROOT = Path(__file__).parents[4]  # of the project; its virtual environment may be below it
# A comment in a migration that is safe, such as: # lint-ignore: DROP_COLUMN no version uses it
_ignored = re.compile(r"^# lint-ignore: ([A-Z_]+)", re.MULTILINE).findall


class Command(BaseCommand):
    """Check the SQL of all migrations of this project."""

    help = __doc__

    def handle(self, **_: Any) -> None:
        if connection.vendor != "mysql":
            self.stdout.write("Migrations are not linted: DATABASE_URL is not a MySQL URL.")
            return
        linter = MigrationLinter(str(ROOT), no_cache=True)
        for key, migration in sorted(linter.migration_loader.disk_migrations.items()):
            path = Path(apps.get_app_config(key[0]).path)
            if path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix):
                text = Path(inspect.getfile(type(migration))).read_text()
                linter.exclude_migration_tests = _ignored(text)
                linter.lint_migration(migration)
        linter.print_summary()
        sys.exit(linter.has_errors)
