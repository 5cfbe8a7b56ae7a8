"""The directory of a new project, which is written completely or not at all."""

import contextlib
import os
import re
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from groundplan import git
from groundplan.errors import ExitCode, Stop


def check_directory() -> None:
    """Stop if the current directory was deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise Stop("The current directory no longer exists. Change to another one, such as: cd ~") from None


def located(place: Path) -> Path:
    """Return the absolute path of a directory without links. A `~` is the home directory, as in a shell."""
    try:
        found = Path(os.path.realpath(place.expanduser()))
        with contextlib.suppress(FileNotFoundError):
            found.stat()
    except RuntimeError as error:  # there is no such home directory
        raise Stop(f"{place}: {error}", ExitCode.USAGE) from error
    except OSError as error:  # as for a link to itself
        raise Stop(f"{place}: {error.strerror}.") from error
    return found


def check_destination(destination: Path, *, overwrite: bool) -> None:
    """Reject a destination with files that a new project could overwrite."""
    if re.search(r"[\x00-\x1f\x7f]", str(destination)):
        raise Stop(f"{str(destination)!r} has a line break or control character.", ExitCode.USAGE)
    if destination.exists() and not destination.is_dir():
        raise Stop(f"{destination} is a file. Choose another directory.")
    if not is_empty(destination) and not overwrite:
        raise Stop(f"{destination} is not empty. Choose another directory, or add --overwrite.")


def is_empty(directory: Path) -> bool:
    """Return whether a directory has no files, or does not exist."""
    return not directory.is_dir() or not any(directory.iterdir())


def in_repository(directory: Path) -> bool:
    """Return whether a directory, which need not exist, is in a git repository that does not ignore it."""
    beside = next(parent for parent in (directory, *directory.parents) if parent.is_dir())
    ignored = git.result(beside, "check-ignore", "--quiet", "--no-index", str(directory))
    return ignored.returncode == 1  # 128 without a repository


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl+C until the block ends, which must be soon, so that no work is left half done."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """Yield a directory that becomes `destination` at the end of the block, or is removed if the block fails.

    `destination` must be absolute. The directory is next to it, on the same file system, so that the last step is a
    rename. An existing destination keeps its other files; the directory is in it, since its parent may be read-only.
    """
    beside = next(place for place in (destination, *destination.parents) if place.is_dir())
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
            shutil.copytree(project, destination, dirs_exist_ok=True, copy_function=_replace)
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
    for path in sorted(project.rglob("*")):  # a directory before its files
        existing = destination / path.relative_to(project)
        if existing.is_symlink():
            raise Stop(f"{existing} is in the way: it is a link, which may lead out of the project.")
        if existing.exists() and not (existing.is_dir() if path.is_dir() else existing.is_file()):
            kind = "a directory" if existing.is_dir() else "a file" if existing.is_file() else "a special file"
            raise Stop(f"{existing} is in the way: it is {kind}.")
        if existing.exists() and not os.access(existing, os.W_OK):
            raise Stop(f"{existing} cannot be written: Permission denied.")


def _replace(source: str, destination: str) -> None:
    """Copy a file. An existing one is replaced, because writing into it would also change its other hard links."""
    Path(destination).unlink(missing_ok=True)
    shutil.copy2(source, destination)
