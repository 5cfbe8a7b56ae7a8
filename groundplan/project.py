"""Directories and git: a new project appears whole or not at all, and a failed update leaves no trace."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from groundplan.errors import Stop
from groundplan.template import git


def check_destination(destination: Path, *, overwrite: bool) -> None:
    """Refuses a place where a new project would touch what is there."""
    if destination.exists() and not destination.is_dir():
        raise Stop(f"{destination} is a file.")
    if destination.is_dir() and any(destination.iterdir()) and not overwrite:
        raise Stop(f"{destination} is not empty. Choose another place, or add --overwrite to write into it.")


@contextlib.contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """A directory that becomes `destination` at the end of the block, or vanishes where the block fails.

    `destination` is absolute. The directory lies beside it, on the same file system, so that the last step is a
    rename. A destination that exists keeps its other files.
    """
    beside = next(parent for parent in destination.parents if parent.is_dir())
    staging = beside / f".groundplan-{secrets.token_hex(8)}"
    try:
        staging.mkdir()
        project = staging / destination.name
        yield project
        if not project.is_dir() or not any(project.iterdir()):  # `neither`
            return
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            _check_overwrite(project, destination)
            shutil.copytree(project, destination, dirs_exist_ok=True)
        else:
            project.rename(destination)
    except shutil.Error as error:
        raise Stop(f"{destination} could not be written whole: {error.args[0][0][2]}") from error
    except OSError as error:
        raise Stop(f"{destination} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_overwrite(project: Path, destination: Path) -> None:
    """Refuses, before anything is written, what could only be written in part."""
    if not os.access(destination, os.W_OK):
        raise Stop(f"{destination} cannot be written: Permission denied.")
    for path in project.rglob("*"):
        existing = destination / path.relative_to(project)
        if existing.exists() and existing.is_dir() != path.is_dir():
            raise Stop(f"{existing} is in the way: it is {'a directory' if existing.is_dir() else 'a file'}.")
        if existing.exists() and not os.access(existing, os.W_OK):
            raise Stop(f"{existing} cannot be written: Permission denied.")


@contextlib.contextmanager
def restored_on_failure(project: Path) -> Iterator[None]:
    """Takes back every change of the block to a committed project where the block fails."""
    if git(project, "rev-parse", "--is-inside-work-tree", check=False) != "true":
        raise Stop(f"{project} is not in a git repository; commit it first, so that the update can be reviewed.")
    # The user may have told git not to show untracked files, which the clean-up below would remove.
    if git(project, "status", "--porcelain", "--untracked-files=all", "--", "."):
        raise Stop(f"{project} has changes that are not committed. Commit or stash them, then update.")
    try:
        yield
    except BaseException:
        git(project, "reset", "--quiet", "--", ".", check=False)
        git(project, "checkout", "--quiet", "HEAD", "--", ".", check=False)
        git(project, "clean", "--quiet", "-d", "--force", "--", ".", check=False)
        raise


def changes(project: Path) -> list[str]:
    """The project's files that differ from its last commit, each with git's two-letter status."""
    return git(project, "status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()


def conflicts(project: Path) -> list[str]:
    """The files in which an update met the owner's changes; paths are relative to the project."""
    return git(project, "diff", "--name-only", "--diff-filter=U", "--relative").splitlines()
