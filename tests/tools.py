"""Commands and places that several tests use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier

ROOT = Path(__file__).resolve().parent.parent
FRAMEWORKS = ("django", "fastapi")


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0) -> str:
    """Runs a command, which must end with `code`, and returns what it printed, errors included."""
    environment = os.environ | (env or {})
    result = subprocess.run(command, cwd=cwd, env=environment, stdout=-1, stderr=-2, text=True, check=False)
    assert result.returncode == code, f"{command} ended with {result.returncode}, not {code}:\n{result.stdout}"
    return result.stdout


def groundplan(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a user's shell would start it, with no terminal."""
    command = [sys.executable, "-m", "groundplan", *arguments]
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def commit_all(repository: Path, message: str, *, init: bool = False) -> str:
    """Commits everything in a repository and returns the commit."""
    if init:
        run("git", "init", "--quiet", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--allow-empty", "--message", message, cwd=repository)
    return run("git", "rev-parse", "HEAD", cwd=repository).strip()


def copy_working_tree(destination: Path) -> None:
    """Copies the repository's files as they are now, those that git ignores aside."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, destination / name)


def render(template: Path, destination: Path, **answers: Any) -> Path:
    """A project, rendered by Copier alone, without trust, from answers and defaults."""
    copier.run_copy(str(template), destination, data=answers, defaults=True, quiet=True, vcs_ref="HEAD")
    return destination


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, git's own aside: its path and its bytes."""
    files = (path for path in directory.rglob("*") if path.is_file())
    relative = ((path.relative_to(directory), path) for path in files)
    return {name.as_posix(): path.read_bytes() for name, path in sorted(relative) if ".git" not in name.parts}
