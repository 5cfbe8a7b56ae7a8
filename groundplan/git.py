"""Git: commands, and the state of a project's working tree."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from groundplan.errors import Stop


def git(directory: Path, *arguments: str, check: bool = True) -> str:
    """Run git in a directory and return its output without the last line break. An error becomes one line."""
    run = subprocess.run(
        ["git", "-c", "core.quotePath=false", "-C", directory, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if check and run.returncode:
        raise Stop(f"git {arguments[0]} failed in {directory}: {reason(run.stderr)}")
    return run.stdout.rstrip("\n")


def reason(text: str) -> str:
    """Return the line of a program's output that explains its failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    return next((line for line in lines if line.startswith("fatal:")), lines[-1])


def forget_hook() -> None:
    """Remove the variables of git hooks: with them, git commands would use the hook's repository and index."""
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=False)
    for name in listed.stdout.split():
        if not name.startswith("GIT_CONFIG"):  # git configuration, which the user may have set
            os.environ.pop(name, None)


@contextlib.contextmanager
def restored_on_failure(project: Path) -> Iterator[None]:
    """Revert all changes to a committed project if the block fails."""
    if git(project, "rev-parse", "--is-inside-work-tree", check=False) != "true":
        raise Stop(f"{project} is not in a git repository. Commit it first, so that you can review the update.")
    if not git(project, "ls-files", "--", "."):
        raise Stop(f"{project} is not committed, perhaps because git ignores it. Commit it, then update.")
    if changes(project):
        raise Stop(f"{project} has changes that are not committed. Commit or stash them, then update.")
    try:
        yield
    except BaseException:
        git(project, "reset", "--quiet", "--", ".", check=False)
        git(project, "checkout", "--quiet", "HEAD", "--", ".", check=False)
        git(project, "clean", "--quiet", "-d", "--force", "--", ".", check=False)
        raise


def changes(project: Path) -> list[str]:
    """Return the files that differ from the last commit, with git's two-letter status."""
    # git may be configured not to show untracked files, which `restored_on_failure` would remove.
    return git(project, "status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()


def conflicts(project: Path) -> list[str]:
    """Return the files with conflicts, relative to the project."""
    return git(project, "diff", "--name-only", "--diff-filter=U", "--relative").splitlines()
