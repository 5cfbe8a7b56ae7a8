"""Look for migrations that would lock a table in use or break the version that is running.

No database is needed: PostgreSQL's SQL of each migration is written down and checked.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from . import squawk
from .database import load_models


def migrations() -> Iterator[tuple[Path, str]]:
    """Yield the file and the SQL of every migration."""
    models = load_models()
    for script in ScriptDirectory.from_config(Config("alembic.ini")).walk_revisions():
        statements = io.StringIO()
        context = MigrationContext.configure(
            dialect_name="postgresql",
            opts={
                "as_sql": True,
                "literal_binds": True,
                "output_buffer": statements,
                "target_metadata": models,
                "transaction_per_migration": True,
            },
        )
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            script.module.upgrade()
        yield Path(script.path), statements.getvalue()


if __name__ == "__main__":
    sys.exit(squawk.check(migrations()))
