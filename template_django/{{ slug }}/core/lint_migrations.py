"""Look for migrations that would lock a table in use or break the version that is running.

No database is needed: PostgreSQL's SQL of each migration is written down and checked.
"""

import contextlib
import inspect
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, override

import django
from django.apps import apps
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.introspection import DatabaseIntrospection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from . import squawk

PACKAGE = __package__.partition(".")[0]


class SchemaEditor(DatabaseSchemaEditor):
    """One that opens no transaction, and takes what a migration drops for existing."""

    def __init__(self, connection: Any, *, collect_sql: bool, atomic: bool) -> None:
        super().__init__(connection, collect_sql=collect_sql, atomic=False)

    def _constraint_names(self, model: Any, *_: object, **__: object) -> list[str]:
        return [f"{model._meta.db_table}_constraint"]


class Introspection(DatabaseIntrospection):
    """One that finds an empty database."""

    @override
    def get_table_list(self, cursor: object) -> list[Any]:
        return []

    @override
    def get_sequences(self, *_: object, **__: object) -> list[Any]:
        return []


class Operations(DatabaseOperations):
    """One that writes values into SQL without asking the server how."""

    @override
    def compose_sql(self, statement: str, params: Sequence[object] | None) -> str:
        return statement % tuple(map(sql.quote, params)) if params else statement


class NoDatabase(DatabaseWrapper):
    """PostgreSQL's SQL without PostgreSQL."""

    SchemaEditorClass = SchemaEditor
    introspection_class = Introspection
    ops_class = Operations
    pg_version = 150000  # as in .squawk.toml

    @override
    def cursor(self) -> Any:
        return contextlib.nullcontext(SimpleNamespace(connection=None))


def migrations() -> Iterator[tuple[Path, str]]:
    """Yield the file and the SQL of every migration in this package."""
    connections[DEFAULT_DB_ALIAS] = NoDatabase(connections.settings[DEFAULT_DB_ALIAS])
    ours = {app.label for app in apps.get_app_configs() if app.name.startswith(f"{PACKAGE}.")}
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in ours:
            statements = call_command("sqlmigrate", app, name, stdout=io.StringIO())
            yield Path(inspect.getfile(type(migration))), statements


if __name__ == "__main__":
    os.environ["DATABASE_URL"] = "postgresql://no.server.invalid/none"
    os.environ["DJANGO_SETTINGS_MODULE"] = f"{PACKAGE}.settings"
    django.setup()
    sys.exit(squawk.check(migrations()))
