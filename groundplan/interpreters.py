"""Find a Python interpreter for rendered projects.

Standard library only, because `quickstart.py` imports this module before it installs anything.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUITABLE = ((3, 12), (3, 15))  # from, and below; see requires-python in pyproject.toml.jinja


def find(first: tuple[int, int] = SUITABLE[0], end: tuple[int, int] = SUITABLE[1]) -> str | None:
    """Return the newest interpreter of this machine from version `first`, and below `end`, or None.

    uv finds only interpreters on PATH and its own. Version managers keep others in their own directories, and put
    shims on PATH that may fail, so each candidate is executed.
    """
    if first <= sys.version_info < end:
        return sys.executable
    found = [(version, path) for path in _candidates() if first <= (version := _version(path)) < end]
    return max(found)[1] if found else None


def _candidates() -> Iterator[str]:
    home = Path.home()
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        yield from _matching(Path(directory), "python3.[0-9]*")
    for versions in (
        Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(os.environ.get("ASDF_DATA_DIR") or home / ".asdf") / "installs" / "python",
        Path(os.environ.get("MISE_DATA_DIR") or home / ".local" / "share" / "mise") / "installs" / "python",
        home / ".local" / "share" / "uv" / "python",
    ):
        yield from _matching(versions, "*/bin/python3")


def _matching(directory: Path, pattern: str) -> Iterator[str]:
    try:
        yield from (str(path) for path in directory.glob(pattern) if not path.name.endswith("-config"))
    except OSError:  # an unreadable directory
        return


def _version(path: str) -> tuple[int, ...]:
    """Return the version of a complete, final CPython, or () for anything else."""
    probe = (
        "import sys, ssl, sqlite3, venv; v = sys.version_info; "
        "print(*v[:3] if v.releaselevel == 'final' and sys.implementation.name == 'cpython' else ())"
    )
    try:
        run = subprocess.run([path, "-c", probe], capture_output=True, text=True, timeout=20, check=False)
        return tuple(int(part) for part in run.stdout.split()) if run.returncode == 0 else ()
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
