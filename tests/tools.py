"""Commands and places that several tests use."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundplan.cli import main
from groundplan.internals import Worker, speed_up

ROOT = Path(__file__).resolve().parent.parent
FRAMEWORKS = ("django", "fastapi")


def questionnaire(template: Path) -> dict[str, Any]:
    """What copier.yml of a version of the template says, without the list of owners' files that it includes."""
    return questions_in((template / "copier.yml").read_text())


def questions_in(text: str) -> dict[str, Any]:
    """The same from the file's text."""
    parsed: dict[str, Any] = yaml.safe_load(text.partition("\n---\n")[2] if text.startswith("!include") else text)
    return parsed


QUESTIONNAIRE = questionnaire(ROOT)
# The versions from which projects exist.
LANDED = [
    line.split()[0] for line in (ROOT / "tests" / "landed.txt").read_text().splitlines() if line and line[0] != "#"
]
OPTIONS: dict[str, Any] = yaml.safe_load((ROOT / "extensions" / "options.yml").read_text())


TURNS = 4  # of what takes too long to check in each commit, so many parts take turns


def turn() -> int:
    """The part whose turn it is."""
    return int(run("git", "rev-list", "--count", "HEAD", cwd=ROOT)) % TURNS


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


def groundplan_here(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same command in this process, which spares its start: for tests of what it prints and writes."""
    command = ["groundplan", *map(str, arguments)]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd or Path.cwd()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "stdin", stack.enter_context(Path(os.devnull).open(encoding="utf-8")))
        printed = {name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for name in ("stdout", "stderr")}
        for name, stream in printed.items():
            patch.setattr(sys, name, stream)
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        stdout, stderr = (end_of(stream) for stream in printed.values())
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, stdout, stderr)


def end_of(stream: io.TextIOWrapper) -> str:
    """All that was written to a stream in memory."""
    stream.seek(0)
    return stream.read()


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


def copy_version(commit: str, destination: Path) -> None:
    """Copies the repository's files as they were at a commit."""
    destination.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=destination, input=archive, check=True)


def shared() -> Path:
    """A directory that all workers of this run see; it is removed with the run's other temporary files."""
    return Path(os.environ["GROUNDPLAN_SHARED"])  # set in conftest.py


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """Makes something below `shared()`: the first worker that needs it does, and the others wait for it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    complete = place.with_name(f"{place.name}.complete")
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)  # what an attempt that failed has left
            make(place)
            complete.touch()
    return place


def render(template: Path, destination: Path, **answers: Any) -> Path:
    """A project, rendered by Copier alone, without trust, from answers and defaults.

    Of the template that this run shares, the same answers are rendered once, and copied from then on.
    """
    if not template.is_relative_to(shared()):
        return render_anew(template, destination, **answers)
    name = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()
    rendered = made_once(shared() / "rendered" / name, lambda place: render_anew(template, place, **answers))
    return Path(shutil.copytree(rendered, destination, symlinks=True, dirs_exist_ok=True))


def render_anew(template: Path, destination: Path, **answers: Any) -> Path:
    """Render without reusing an earlier result. Unless the answers say otherwise, there is an API without a login."""
    usual = {"fastapi": {"auth": "none"}, "django": {"login": "none", "api": "ninja"}}
    asked = (template / "copier.yml").read_text()
    own = usual.get(answers.get("framework", ""), {})
    answers = {question: answer for question, answer in own.items() if f"\n{question}:\n" in asked} | answers
    with Worker(
        src_path=str(template), dst_path=destination, data=answers, defaults=True, quiet=True, vcs_ref="HEAD"
    ) as worker:  # as `copier.run_copy`, in two thirds of its time
        speed_up(worker)
        worker.run_copy()
    return destination


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, git's own aside: its path and its bytes."""
    files = (path for path in directory.rglob("*") if path.is_file())
    relative = ((path.relative_to(directory), path) for path in files)
    return {name.as_posix(): path.read_bytes() for name, path in sorted(relative) if ".git" not in name.parts}


def texts(directory: Path) -> dict[str, str]:
    """The files of `tree` that are texts: all but models."""
    return {name: content.decode() for name, content in tree(directory).items() if not name.endswith(".onnx")}


def rendered(project: Path) -> dict[str, bytes]:
    """What a version of the template has made: like `tree`, without where that version came from.

    An executable file's name ends in `*`, as `ls -F` shows it.
    """
    source = re.compile(rb"^_(commit|src_path): .*\n", re.MULTILINE)
    files = tree(project)
    files[".copier-answers.yml"] = source.sub(b"", files[".copier-answers.yml"])
    return {f"{name}*" if os.access(project / name, os.X_OK) else name: text for name, text in files.items()}
