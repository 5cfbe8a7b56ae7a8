"""The template: its location, its questions, and rendering with Copier.

This is the only module that uses Copier. It needs the private class `Worker`, because Copier's public functions cannot
list a template's questions, or evaluate answers without rendering.
"""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml
from copier._main import Worker
from copier._vcs import get_latest_tag, get_repo
from copier.errors import CopierError, InteractiveSessionError
from plumbum.commands.processes import ProcessExecutionError

from groundplan.errors import ExitCode, Stop

ANSWERS_FILE = ".copier-answers.yml"
BUNDLE = "template.bundle"
PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """An answers file of the template, with a summary."""

    summary: str
    answers: dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A template and its version. Without `ref`, this is the newest tag, or HEAD if there are no tags."""

    location: str
    ref: str | None = None


def installed_source() -> Source:
    """Return the template of this installation.

    The record of PEP 610 tells whether the command was installed from a clone, from a git URL, or from a wheel, which
    contains the template as a git bundle.
    """
    try:
        record = json.loads(metadata.distribution("groundplan").read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        record = {}
    if vcs := record.get("vcs_info"):
        return Source(f"{vcs['vcs']}+{record['url']}", vcs["commit_id"])
    clone = Path(url2pathname(urlsplit(record["url"]).path)) if "dir_info" in record else PACKAGE.parent
    if (clone / "copier.yml").is_file() and (clone / ".git").exists():
        return Source(str(clone))
    bundle = PACKAGE / BUNDLE
    if bundle.is_file():
        return Source(str(bundle))
    raise Stop(f"This installation has no template: neither {clone} nor {bundle} exists. Use --template.")


def resolve(template: str | None, ref: str | None) -> Source:
    """Return the template to use, as the project will record it.

    For a local repository, this is the absolute path and a commit. Copier would record the path as it was typed and,
    with uncommitted changes, a commit that does not exist.
    """
    source = Source(template, ref) if template else installed_source()
    location, ref = source.location, ref or source.ref
    if location.startswith("file:"):
        location = f"git+{location}"  # the form that Copier accepts
    path = Path(location).expanduser()
    if not path.exists():
        if get_repo(location) is None:
            raise Stop(f"There is no template at {location}: it is neither a directory nor the URL of a repository.")
        return Source(location, ref)
    if path.is_file():
        return Source(str(path.resolve()), ref)
    if (path / ".git").exists():
        git(path, "rev-parse", "--show-toplevel")  # fails with the reason if git does not trust the directory
    if not (path / "copier.yml").is_file() or get_repo(str(path.resolve())) is None:
        raise Stop(
            f"{location} is not a git repository with a copier.yml; a project made from it could not be updated."
        )
    path = path.resolve()
    with contextlib.redirect_stderr(io.StringIO()):  # a warning that there are no tags
        wanted = ref or get_latest_tag(str(path))
    found = git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}", check=False)
    if not found:
        raise Stop(f"The template has no version {wanted}.", ExitCode.USAGE)
    return Source(str(path), found)


def git(directory: Path, *arguments: str, check: bool = True) -> str:
    """Run git in a directory and return its output without the last line break. An error becomes one line."""
    run = subprocess.run(
        ["git", "-c", "core.quotePath=false", "-C", directory, *arguments], capture_output=True, text=True, check=False
    )
    if check and run.returncode:
        raise Stop(f"git {arguments[0]} failed in {directory}: {reason(run.stderr)}")
    return run.stdout.rstrip("\n")


def reason(text: str) -> str:
    """Return the line of a program's output that explains its failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    return next((line for line in lines if line.startswith("fatal:")), lines[-1])


@contextlib.contextmanager
def errors_in_one_line(source: str) -> Iterator[None]:
    """Convert exceptions of Copier and git that a user can cause into one line."""
    try:
        yield
    except KeyboardInterrupt:  # Copier's own subclass is also a CopierError
        raise
    except InteractiveSessionError as error:
        message = "There is no terminal for questions: add --defaults, or answer every question with --data."
        raise Stop(message, ExitCode.USAGE) from error
    except ProcessExecutionError as error:
        raise Stop(f"The template {source} cannot be fetched: {reason(error.stderr)}") from error
    except (CopierError, ValueError, yaml.YAMLError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        refused = message.startswith("Validation error")
        raise Stop(message, ExitCode.USAGE if refused else ExitCode.ERROR) from error


class Template:
    """A fetched version of the template: lists questions and presets, and renders projects."""

    def __init__(self, source: Source, worker: Worker) -> None:
        self.source = source
        self._worker = worker
        questions: dict[str, dict[str, Any]] = worker.template.questions_data
        self.recorded = {name for name, details in questions.items() if details.get("ask") is False}
        self.questions = {name: details for name, details in questions.items() if name not in self.recorded}
        if "framework" not in self.questions:
            raise Stop(f"{source.location} is not a Groundplan template: it has no question `framework`.")

    @property
    def presets(self) -> dict[str, Preset]:
        """All presets, by name."""
        files = sorted((self._worker.template.local_abspath / "presets").glob("*.yml"))
        texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
        return {
            name: Preset(text.partition("\n")[0].removeprefix("# "), yaml.safe_load(text))
            for name, text in texts.items()
        }

    def choices(self, question: str) -> list[str]:
        """Return the allowed values of a question, or an empty list for free text."""
        details = self.questions[question]
        if details.get("type") == "bool":
            return ["true", "false"]
        return [str(value) for value in dict(details.get("choices", {})).values()]

    def decide(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Return the decision for the answers; see `extensions/decision.jinja`."""
        with errors_in_one_line(self.source.location):
            self._worker.data = answers
            self._worker.defaults = self._worker.pretend = True
            self._worker.exclude = ["*"]
            self._worker.run_copy()
        return dict(self._worker.answers.combined["decision"])

    def describe(self, markdown: bool) -> str:
        """Return the last decision as a table for the terminal or as Markdown."""
        page = "record" if markdown else "scoreboard"
        return self._worker._render_string(f'{{% include "extensions/{page}.jinja" %}}').strip()

    def render(self, answers: dict[str, Any], *, defaults: bool) -> dict[str, Any]:
        """Ask the remaining questions, write the project, and return all answers.

        Nothing is written if the framework is `neither`.
        """
        # Hide the warning that there is no terminal: an error follows if one is needed.
        quiet = contextlib.nullcontext() if sys.stdin.isatty() else contextlib.redirect_stderr(io.StringIO())
        with errors_in_one_line(self.source.location), quiet:
            self._worker.data = answers
            self._worker.defaults = defaults
            self._worker.run_copy()
        return dict(self._worker.answers.combined)

    @property
    def farewell(self) -> str:
        """Copier's last message: the next steps, or why nothing was written."""
        return self._worker._render_string(self._worker.template.message_after_copy).strip()


@contextlib.contextmanager
def fetched(source: Source, destination: Path | None = None) -> Iterator[Template]:
    """Yield the template, ready to render into `destination`, and remove temporary files afterwards."""
    with contextlib.ExitStack() as stack:
        if destination is None:  # an empty directory: Copier would read the answers of an existing project
            destination = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "nothing"
        worker = Worker(src_path=source.location, vcs_ref=source.ref, dst_path=destination, quiet=True)
        stack.callback(worker._cleanup)
        with errors_in_one_line(source.location), contextlib.redirect_stderr(io.StringIO()):
            template = Template(source, worker)
        yield template


def recorded(project: Path) -> dict[str, Any]:
    """Return the project's answers file: the template (`_src_path`, `_commit`) and all answers."""
    try:
        answers = yaml.safe_load((project / ANSWERS_FILE).read_text(encoding="utf-8"))
        return {**answers, "_src_path": answers["_src_path"], "_commit": answers["_commit"]}
    except FileNotFoundError as error:
        raise Stop(f"{project} is not a Groundplan project: it has no {ANSWERS_FILE}.") from error
    except (UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise Stop(f"{project / ANSWERS_FILE} does not name the project's template and version.") from error


@contextlib.contextmanager
def _of_project(project: Path, ref: str | None, **options: Any) -> Iterator[tuple[Worker, str]]:
    source = str(recorded(project)["_src_path"])
    if Path(source).name == BUNDLE and not Path(source).exists():
        source = installed_source().location  # the project was made by another installation
    if get_repo(source) is None:
        raise Stop(
            f"The project's template is no longer at {source}. Set _src_path in {project / ANSWERS_FILE} to "
            "the path of a clone or to a git URL, commit the file, and try again."
        )
    worker = Worker(src_path=source, dst_path=project, vcs_ref=resolve(source, ref).ref, quiet=True, **options)
    worker.subproject.last_answers["_src_path"] = source  # Copier reads the old version from here
    try:
        with errors_in_one_line(source), contextlib.redirect_stderr(io.StringIO()):
            latest = worker.template.commit
        with errors_in_one_line(source):
            yield worker, str(latest)
    finally:
        worker._cleanup()


def behind(project: Path) -> tuple[bool, str]:
    """Return whether the template has a newer version than the project, and the commit of that version."""
    with _of_project(project, None) as (worker, latest):
        return _is_behind(worker), latest


def _is_behind(worker: Worker) -> bool:
    old, new = worker.subproject.template, worker.template
    if old is None or old.version is None or new.version is None:
        raise Stop("The version of the template cannot be determined.")
    return new.version > old.version


def update(project: Path, ref: str | None, *, ask: bool) -> str:
    """Apply the newest version of the template, or `ref`, and return its commit.

    New questions are asked if `ask` is true; otherwise they take their defaults. Existing answers do not change.
    """
    options = {"overwrite": True, "skip_answered": True, "defaults": not ask}
    with _of_project(project, ref, **options) as (worker, latest):
        if ref is None and not _is_behind(worker):
            return str(recorded(project)["_commit"])
        with contextlib.redirect_stderr(io.StringIO()):  # git's messages about merges
            worker.run_update()
        return latest
