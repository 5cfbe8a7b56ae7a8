"""The directory of a new project, which is written completely or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from groundplan.errors import Stop
from groundplan.git import git


def check_destination(destination: Path, *, overwrite: bool) -> None:
    """Reject a destination with files that a new project could overwrite."""
    if destination.exists() and not destination.is_dir():
        raise Stop(f"{destination} is a file.")
    if not is_empty(destination) and not overwrite:
        raise Stop(f"{destination} is not empty. Choose another directory, or add --overwrite.")


def is_empty(directory: Path) -> bool:
    """Return whether a directory has no files, or does not exist."""
    return not directory.is_dir() or not any(directory.iterdir())


def in_repository(destination: Path) -> bool:
    """Return whether a new project would lie in a git repository."""
    beside = next(parent for parent in (destination, *destination.parents) if parent.is_dir())
    return bool(git(beside, "rev-parse", "--show-toplevel", check=False))


@contextlib.contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """Yield a directory that becomes `destination` at the end of the block, or is removed if the block fails.

    `destination` must be absolute. The directory is next to it, on the same file system, so that the last step is a
    rename. An existing destination keeps its other files.
    """
    beside = next(parent for parent in destination.parents if parent.is_dir())
    staging = beside / f".groundplan-{secrets.token_hex(8)}"
    try:
        staging.mkdir()
        project = staging / destination.name
        yield project
        if is_empty(project):
            return
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            _check_overwrite(project, destination)
            shutil.copytree(project, destination, dirs_exist_ok=True)
        else:
            project.rename(destination)
    except shutil.Error as error:
        raise Stop(f"{destination} could not be written completely: {error.args[0][0][2]}") from error
    except OSError as error:
        raise Stop(f"{destination} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_overwrite(project: Path, destination: Path) -> None:
    """Check that every file can be written before writing any."""
    if not os.access(destination, os.W_OK):
        raise Stop(f"{destination} cannot be written: Permission denied.")
    for path in project.rglob("*"):
        existing = destination / path.relative_to(project)
        if existing.exists() and existing.is_dir() != path.is_dir():
            raise Stop(f"{existing} is in the way: it is {'a directory' if existing.is_dir() else 'a file'}.")
        if existing.exists() and not os.access(existing, os.W_OK):
            raise Stop(f"{existing} cannot be written: Permission denied.")
