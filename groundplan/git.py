"""Run git with known settings."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
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
    "core.quotePath": "true",
    "core.symlinks": "false",  # a link becomes a file, so that nothing is written through it
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "diff.orderFile": os.devnull,
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


INSTALL = "Install it: https://git-scm.com/downloads"
OLDEST = (2, 31)  # it reads settings from GIT_CONFIG_COUNT
SHOWN_LINES = 5  # lines of a message of git that are shown
ENGLISH = {"LC_ALL": "C"}  # the language of git's messages, like that of all others


def result(
    directory: Path, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a directory, without hooks, and return its exit code and output."""
    return subprocess.run(
        ["git", "-c", "core.quotePath=false", "-c", f"core.hooksPath={os.devnull}", "-C", directory, *arguments],
        capture_output=True,
        input=given,
        check=False,
        env={**os.environ, **ENGLISH, **(variables or {})},
    )


def run(
    directory: Path, *arguments: str, check: bool = True, given: bytes = b"", variables: Mapping[str, str] | None = None
) -> bytes:
    """Run git as `result` does, and return its output. An error becomes one line."""
    done = result(directory, *arguments, given=given, variables=variables)
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
    said = [
        line.removeprefix("fatal: ").removeprefix("error: ") for line in lines if line and not line.startswith(NOISE)
    ]
    return redact(" ".join(said[-SHOWN_LINES:])) or "it printed no message"


def check_version() -> None:
    """Stop if git is missing or too old."""
    try:
        printed = subprocess.run(["git", "version"], capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        raise Stop(f"Groundplan needs git, which was not found on PATH. {INSTALL}") from None
    found = re.match(r"git version (\d+)\.(\d+)", printed)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Stop(f"Groundplan needs git {oldest} or newer; this is {printed or 'another program'}. {INSTALL}")


def forget_hook() -> None:
    """Remove the variables of git hooks: with them, git commands would use the hook's repository and index.

    Settings stay, because the user may have given them. Those of `git -c` would take precedence over `known_settings`,
    so they are converted to the same form.
    """
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=False)
    for name in listed.stdout.split():
        if not name.startswith("GIT_CONFIG"):
            os.environ.pop(name, None)
    if "GIT_CONFIG_PARAMETERS" in os.environ:
        command = ["git", "config", "--list", "--null", "--show-scope"]
        fields = parts(subprocess.run(command, capture_output=True, check=False).stdout)
        given = [field for scope, field in zip(fields[::2], fields[1::2], strict=True) if scope == "command"]
        del os.environ["GIT_CONFIG_PARAMETERS"]
        os.environ.update(_as_variables([_pair(field) for field in given], 0))


def _pair(field: str) -> tuple[str, str]:
    name, separator, value = field.partition("\n")
    return name, value if separator else "true"  # `git -c name` gives no value


def _as_variables(settings: Iterable[tuple[str, str]], first: int) -> dict[str, str]:
    """Return the variables that give these settings to git, after the `first` ones that it has."""
    numbered = list(enumerate(settings, first))
    variables = {"GIT_CONFIG_COUNT": str(first + len(numbered))}
    for number, (name, value) in numbered:
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


@contextlib.contextmanager
def known_settings(more: Mapping[str, str] | None = None, **variables: str) -> Iterator[None]:
    """Run git, also where Copier runs it, with `SETTINGS`, `more` settings and these variables."""
    from plumbum import local  # Copier's way to run git: it has a copy of the environment

    settings = [*SETTINGS.items(), *(more or {}).items()]
    variables |= ENGLISH | _as_variables(settings, int(os.environ.get("GIT_CONFIG_COUNT") or 0))
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with local.env(**variables):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def without(patterns: Iterable[str], directory: Path) -> dict[str, str]:
    """Return settings that leave some files out of a clone. An empty `directory` must exist until it is complete."""
    file = directory / "info" / "sparse-checkout"
    file.parent.mkdir()
    file.write_text("".join(f"{line}\n" for line in ["/*", *(f"!{pattern}" for pattern in patterns)]), encoding="utf-8")
    return {
        "core.sparseCheckout": "true",
        "core.sparseCheckoutCone": "false",
        "init.templateDir": str(directory),  # git copies the list from there into the clone
    }


def check_out(repository: Path, commit: str, directory: Path, leave_out: Iterable[str]) -> None:
    """Write the files of a commit into an existing directory, except some. The repository does not change."""
    left_out = [f":(exclude){pattern.strip('/')}" for pattern in leave_out]
    with tempfile.TemporaryDirectory() as other:
        variables = {"GIT_WORK_TREE": str(directory), "GIT_INDEX_FILE": str(Path(other, "index"))}
        run(repository, "checkout", "--quiet", commit, "--", ".", *left_out, variables=variables)


def changes(project: Path) -> list[str]:
    """Return the files that differ from the last commit, with git's two-letter status."""
    # git may be configured not to show untracked files.
    return git(project, "status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()
