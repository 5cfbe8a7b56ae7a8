"""Run Squawk on the SQL of migrations: it reports locks on busy tables and incompatible changes.

Its rules are configured in .squawk.toml. A comment in a migration turns a rule off for that file::

    # squawk-ignore-file ban-drop-column: no version since 1.4 reads it
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

IGNORE = re.compile(r"^# (squawk-ignore-file [\w, -]+)", re.MULTILINE)


def check(root: Path, migrations: Iterable[tuple[Path, str]]) -> int:
    """Check each migration's SQL, reported under its file's path below `root`; return the exit code."""
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for source, statements in migrations:
            file = Path(directory) / source.relative_to(root).with_suffix(".sql")
            file.parent.mkdir(parents=True, exist_ok=True)
            excuses = IGNORE.findall(source.read_text(encoding="utf-8"))
            lines = [*(f"-- {excuse}" for excuse in excuses), statements]
            file.write_text("\n".join(lines), encoding="utf-8")
            files.append(str(file.relative_to(directory)))
        if not files:
            return 0
        squawk = Path(sys.executable).with_name("squawk")
        command = [str(squawk), f"--config={root / '.squawk.toml'}", *sorted(files)]
        code = subprocess.run(command, cwd=directory, check=False).returncode  # noqa: S603
    if code:
        sys.stderr.write("docs/migrations.md shows how to change a table that is in use.\n")
    return code
