"""Check the SQL of migrations with Squawk, without a database: `poe lint-migrations`."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from . import squawk


def migrations() -> Iterator[tuple[Path, str]]:
    """Yield the file and the SQL of every migration, except merges, which change nothing."""
    try:
        scripts = list(ScriptDirectory.from_config(Config("alembic.ini")).walk_revisions())
    except KeyError as error:
        sys.exit(f"a migration's down_revision is {error}, which does not exist")
    for script in scripts:
        if not script.is_merge_point:
            config = Config("alembic.ini", output_buffer=(sql := io.StringIO()))
            steps = f"{script.down_revision or 'base'}:{script.revision}"
            command.upgrade(config, steps, sql=True)
            yield Path(script.path), sql.getvalue()


if __name__ == "__main__":
    sys.exit(squawk.check(Path.cwd(), migrations()))
