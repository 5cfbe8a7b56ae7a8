"""Operations for migrations."""

from typing import Any, override

from django.contrib.postgres import operations
from django.db.migrations import AddField, AddIndex


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Create an index concurrently.

    Unlike Django's operation, it can be rerun after an interruption; on SQLite it behaves like
    AddIndex.
    """

    @override
    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return AddIndex.database_forwards(self, app_label, schema_editor, *states)
        if not schema_editor.connection.in_atomic_block:  # otherwise Django raises a helpful error
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        return super().database_forwards(app_label, schema_editor, *states)

    @override
    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return AddIndex.database_backwards(self, app_label, schema_editor, *states)
        return super().database_backwards(app_label, schema_editor, *states)


class AddForeignKey(AddField):
    """Add a field whose foreign key PostgreSQL checks for new rows only, until it is validated.

    To check all rows, AddField blocks writes to both tables.
    """

    @override
    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        inline, key = schema_editor.sql_create_column_inline_fk, schema_editor.sql_create_fk
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.sql_create_column_inline_fk = None  # add the key in a second statement
            schema_editor.sql_create_fk = f"{key} NOT VALID"
        try:
            super().database_forwards(app_label, schema_editor, *states)
        finally:  # the migration's other operations add their keys as usual
            schema_editor.sql_create_column_inline_fk, schema_editor.sql_create_fk = inline, key
