"""Make a release: changelog, version number, commit, tag and wheel. Nothing is pushed.

    uv run poe release 1.2.0

All of it is prepared in a temporary worktree. At the end, main moves to the result. After a failure, the branch, the
files and the tags are as before.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[1]
UV = str(Path(sys.executable).with_name("uv"))


def main() -> None:
    """Make the release that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="such as 1.2.0")
    version = parser.parse_args().version
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that changes are undone

    check(version)
    start = git("rev-parse", "HEAD")
    tag = f"v{version}"
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.ExitStack() as always,
        contextlib.ExitStack() as on_failure,
    ):
        work = Path(directory) / "work"
        always.callback(git, "worktree", "prune")  # if it was added only in part
        git("worktree", "add", "--quiet", "--detach", str(work), start)
        always.callback(git, "worktree", "remove", "--force", str(work))

        run(sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, cwd=work)
        run(UV, "version", "--no-sync", "--python", sys.executable, version, cwd=work)
        # Hooks would look for tools in the worktree's .venv, which does not exist.
        git("commit", "--quiet", "--all", "--no-verify", "--message", f"Release {version}", cwd=work)
        commit = git("rev-parse", "HEAD", cwd=work)
        git("tag", "--annotate", "--message", f"Groundplan {version}", tag, commit)
        on_failure.callback(git, "tag", "--delete", tag)

        run(UV, "build", "--wheel", "--python", sys.executable, "--out-dir", str(Path(directory) / "dist"), cwd=work)
        built = next(Path(directory, "dist").glob("*.whl"))
        wheel = ROOT / "dist" / built.name
        wheel.parent.mkdir(exist_ok=True)
        on_failure.callback(wheel.unlink, missing_ok=True)
        shutil.copy(built, wheel)
        # Each step is done entirely or not at all: the first, if main is still at the start; the second, if nobody has
        # edited the same files meanwhile.
        git("update-ref", "refs/heads/main", commit, start)
        on_failure.callback(git, "update-ref", "refs/heads/main", start, commit)
        git("read-tree", "-m", "-u", start, commit)
        on_failure.pop_all()

    print(f"main is at version {version} ({commit[:7]}), with the tag {tag} and {wheel.relative_to(ROOT)}.")
    print("Projects find the version once it is pushed:")
    print(f"  git push --atomic origin main {tag}")
    print(f"Then attach {wheel.name} to the release of {tag}, for installations without git access.")


def check(version: str) -> None:
    """Refuse a version that cannot be made from this clone now."""
    # A pre-release would take all entries of the changelog, and projects would not find it.
    if not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", version):
        raise SystemExit(f"{version!r} is not a version such as 1.2.0; there are no pre-releases.")
    current = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if Version(version) <= Version(current):
        raise SystemExit(f"{version} is not newer than {current}, the version in pyproject.toml.")
    if (branch := git("branch", "--show-current")) != "main":
        raise SystemExit(f"Release from main; the current branch is {branch or 'none'}.")
    if git("status", "--porcelain", "--untracked-files=all"):  # also if git is configured not to show them
        raise SystemExit("There are changes that are not committed.")
    if not list(ROOT.glob("changelog.d/*/*.md")):
        raise SystemExit("There is nothing to release: changelog.d has no entries.")


def git(*arguments: str, cwd: Path = ROOT) -> str:
    """Run git and return its output without the last line break."""
    return run("git", *arguments, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command and return its output. If it fails, its output explains why."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    result = subprocess.run(command, cwd=cwd, env=environment, stdout=-1, stderr=-1, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{result.stdout}{result.stderr}This step failed: {' '.join(command)}")
    return result.stdout.rstrip("\n")


if __name__ == "__main__":
    main()
