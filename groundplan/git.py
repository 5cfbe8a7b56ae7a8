"""Git: commands, and the settings that they have."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from groundplan.addresses import redact
from groundplan.errors import Stop

# A user's or a repository's settings must not change what Copier reads from git. These are settings, not the user's
# configuration files, because git needs the credentials and addresses in them to fetch a template.
SETTINGS = {
    "apply.ignoreWhitespace": "no",
    "apply.whitespace": "nowarn",
    "color.ui": "false",
    "commit.gpgSign": "false",
    "core.abbrev": "auto",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "core.fileMode": "true",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.symlinks": "false",  # a link becomes a file, so that nothing is written through it
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "gc.auto": "0",
    "init.templateDir": "",
    "maintenance.auto": "false",
    "merge.conflictStyle": "merge",
    "rerere.enabled": "false",
    "status.showUntrackedFiles": "all",
    "tag.gpgSign": "false",
    "user.email": "groundplan@example.com",
    "user.name": "Groundplan",
}


WORDS = 5  # lines of a message of git that are shown
ENGLISH = {"LC_ALL": "C"}  # the language of git's messages, like that of all others


def run(
    directory: Path, *arguments: str, check: bool = True, given: bytes = b"", variables: Mapping[str, str] | None = None
) -> bytes:
    """Run git in a directory and return its output. An error becomes one line."""
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", "-C", directory, *arguments],
        capture_output=True,
        input=given,
        check=False,
        env={**os.environ, **ENGLISH, **(variables or {})},
    )
    if check and done.returncode:
        message = reason(done.stderr.decode(errors="replace"))
        raise Stop(f"git {arguments[0]} failed in {directory}: {message}")
    return done.stdout


def git(directory: Path, *arguments: str, check: bool = True) -> str:
    """Run git in a directory and return its output as text, without the last line break."""
    return run(directory, *arguments, check=check).decode(errors="surrogateescape").rstrip("\n")


def parts(output: bytes) -> list[str]:
    """Return the parts of output that NUL separates, as with `-z`."""
    return [part.decode(errors="surrogateescape") for part in output.split(b"\0") if part]


# Lines of git that say nothing about a failure.
NOISE = ("Cloning into", "Fetching ", "warning:", "hint:", "Please make sure", "and the repository exists")


def reason(text: str) -> str:
    """Return what git says about its failure, on one line and without secrets."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line.removeprefix("fatal: ") for line in lines if line and not line.startswith(NOISE)]
    return redact(" ".join(said[-WORDS:])) or "it printed no message"


def forget_hook() -> None:
    """Remove the variables of git hooks: with them, git commands would use the hook's repository and index."""
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=False)
    for name in listed.stdout.split():
        if not name.startswith("GIT_CONFIG"):  # git configuration, which the user may have set
            os.environ.pop(name, None)


@contextlib.contextmanager
def known_settings(more: Mapping[str, str] | None = None, **variables: str) -> Iterator[None]:
    """Run git, also where Copier runs it, with `SETTINGS`, `more` settings and these variables."""
    from plumbum import local  # Copier's way to run git: it has a copy of the environment

    variables |= ENGLISH
    settings = {**SETTINGS, **(more or {})}
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    variables["GIT_CONFIG_COUNT"] = str(first + len(settings))
    for number, (name, value) in enumerate(settings.items(), first):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with local.env(**variables):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def changes(project: Path) -> list[str]:
    """Return the files that differ from the last commit, with git's two-letter status."""
    # git may be configured not to show untracked files.
    return git(project, "status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()
