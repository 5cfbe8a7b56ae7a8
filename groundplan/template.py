"""The template: its location, its questions, and rendering with Copier."""

import ast
import contextlib
import io
import json
import re
import reprlib
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml
from copier import run_copy
from copier.errors import CopierError, InteractiveSessionError, InvalidConfigFileError
from jinja2 import meta, nodes
from plumbum.commands.processes import ProcessExecutionError

from groundplan import internals, preview
from groundplan.addresses import without_secrets
from groundplan.errors import ExitCode, Stop
from groundplan.git import check_out, git, known_settings, reason, without
from groundplan.internals import Worker, get_latest_tag, get_repo
from groundplan.updating import Copy, Plan, copied

ANSWERS_FILE = ".copier-answers.yml"
BUNDLE = "template.bundle"
CREDENTIALS = "A credential helper of git can supply the user name and password: git help credentials."
NEITHER = "neither"
LABEL_WIDTH = 18
PACKAGE = Path(__file__).parent
NOT_RENDERED = ("/benchmarks/", "/changelog.d/", "/docs/", "/tests/")  # the template's own
NOT_ASKED = (*NOT_RENDERED, "/template_*/")  # not needed by any question


@dataclass(frozen=True)
class Preset:
    """An answers file of the template, with a summary."""

    summary: str
    _text: str

    @property
    def answers(self) -> dict[str, Any]:
        """The answers."""
        return dict(yaml.safe_load(self._text))


@dataclass(frozen=True)
class Source:
    """A template and its version. Without `ref`, this is the newest tag, or HEAD if there are no tags."""

    location: str
    ref: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)  # of git, to fetch with a secret


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
    """Return the template to use, as the project will record it: without secrets.

    For a local repository, this is the absolute path and a commit. Copier would record the path as it was typed and,
    with uncommitted changes, a commit that does not exist.
    """
    source = Source(template, ref) if template else installed_source()
    address = without_secrets(source.location)
    location, ref = address.public, ref or source.ref
    if location.startswith("file:"):
        location = f"git+{location}"  # the form that Copier accepts
    path = Path(location).expanduser()
    if not path.exists():
        if get_repo(location) is None:
            raise Stop(f"There is no template at {location}: it is neither a directory nor the URL of a repository.")
        return Source(location, ref, address.settings)
    if path.is_file():
        return Source(str(path.resolve()), ref)
    if (path / ".git").exists():
        git(path, "rev-parse", "--show-toplevel")  # fails with the reason if git does not trust the directory
    if not (path / "copier.yml").is_file() or get_repo(str(path.resolve())) is None:
        _refuse_bare(path)
        raise Stop(
            f"{location} is not a git repository with a copier.yml; a project made from it could not be updated."
        )
    path = path.resolve()
    with contextlib.redirect_stderr(io.StringIO()):  # a warning that there are no tags
        wanted = ref or get_latest_tag(str(path))
    found = git(path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}", check=False)
    if not found:
        raise _unknown(str(path), wanted)
    return Source(str(path), found)


def _refuse_bare(path: Path) -> None:
    if path.is_dir() and git(path, "rev-parse", "--is-bare-repository", check=False) == "true":
        raise Stop(f"{path} is a bare repository. Use its URL instead: git+{path.resolve().as_uri()}")


@contextlib.contextmanager
def errors_in_one_line(source: str, unreachable: str = "") -> Iterator[None]:
    """Convert exceptions of Copier and git that a user can cause into one line.

    `unreachable` is more advice for when the template cannot be fetched.
    """
    try:
        yield
    except KeyboardInterrupt:  # Copier's own subclass is also a CopierError
        raise
    except InteractiveSessionError as error:
        message = "There is no terminal for questions: add --defaults, or answer every question with --data."
        raise Stop(message, ExitCode.USAGE) from error
    except ProcessExecutionError as error:
        raise _failure(source, error, unreachable) from error
    except InvalidConfigFileError as error:
        raise Stop(f"copier.yml of the template {source} is not valid: {_line(error.__cause__ or error)}") from error
    except (CopierError, ValueError, yaml.YAMLError) as error:
        message = _line(error) or type(error).__name__
        if found := UNKNOWN.fullmatch(message):
            raise _unknown(source, found[1]) from error
        if found := REFUSED.fullmatch(message):
            raise Stop(f"{found[2]}.", ExitCode.USAGE) from error
        refused = message.startswith(("Validation error", "Invalid choice"))
        raise Stop(_plain(message), ExitCode.USAGE if refused else ExitCode.ERROR) from error


UNKNOWN = re.compile("Unknown revision: '(.*)'")  # how Copier says that a version does not exist
# How Jinja says that an answer cannot be combined with others: see `selected` in extensions/options.jinja.
REFUSED = re.compile(r"'dict object' has no attribute (['\"])(\w+: .*)\1")


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _unknown(source: str, ref: str) -> Stop:
    return Stop(f"The template {source} has no version {ref}.", ExitCode.USAGE)


def _failure(source: str, error: ProcessExecutionError, unreachable: str) -> Stop:
    """Explain why a git command of Copier failed, and what to do."""
    said = reason(error.stderr)
    if "worktree" in error.argv and "invalid reference" in said:
        return _unknown(source, error.argv[-1])
    if not {"clone", "fetch", "ls-remote", "remote", "submodule"} & {*error.argv}:
        return Stop(f"A git command of Copier failed: {shlex.join(map(str, error.argv[:4]))} …: {said}")
    if any(words in said for words in ("Authentication failed", "could not read Username", "could not read Password")):
        advice = CREDENTIALS
    else:
        advice = f"Check its address and your access: git ls-remote {shlex.quote(get_repo(source) or source)}"
    return Stop(f"The template {source} cannot be fetched: {said.rstrip('.')}.\n{advice}\n{unreachable}".rstrip())


@dataclass(frozen=True)
class Outcome:
    """The answers to all questions, and what the template says about them."""

    _worker: Worker

    @property
    def answers(self) -> dict[str, Any]:
        """All answers: the given ones, the typed ones, defaults and computed values."""
        return dict(self._worker.answers.combined)

    @property
    def unasked(self) -> set[str]:
        """The questions that are not asked, given the other answers."""
        return self._worker.answers.hidden

    def ask(self, name: str, mark: str, more: Mapping[str, str]) -> Any:
        """Ask a question with its answer as default; see `internals.ask`."""
        with errors_in_one_line(self._worker.template.url):
            return internals.ask(self._worker, name, mark, more)

    def rows(self, names: list[str]) -> dict[str, str]:
        """Return a line with the label and the answer in words, for each of these questions that is asked."""
        text = internals.render(self._worker, '{% include "extensions/labels.jinja" ignore missing %}')
        labels = json.loads(text or "{}")
        asked = [name for name in names if name not in self.unasked]
        return {
            name: f"{labels.get(name, name.replace('_', ' ').capitalize()):{LABEL_WIDTH}}{self._words(name)}"
            for name in asked
        }

    def _words(self, name: str) -> str:
        answer = self.answers[name]
        words = {True: "Yes", False: "No"} | internals.texts(self._worker, name)[1]
        values = answer if isinstance(answer, list) else [answer]
        return ", ".join(str(words.get(value, value)) for value in values) or "none"

    @property
    def decision(self) -> dict[str, Any]:
        """The decision; see `extensions/decision.jinja`."""
        return dict(self.answers["decision"])

    @property
    def contradictions(self) -> str:
        """Name the first contradiction between answers, if there is one."""
        text = (
            '{% from "extensions/verdict.jinja" import contradicting %}{{ contradicting(decision, 1) | wordwrap(78) }}'
        )
        return internals.render(self._worker, text) if self.decision.get("contradictions") else ""

    def describe(self, markdown: bool) -> str:
        """Return the decision as a table for the terminal or as Markdown."""
        page = "record" if markdown else "scoreboard"
        return internals.render(self._worker, f'{{% include "extensions/{page}.jinja" %}}')

    def facts(self, name: str) -> dict[str, Any]:
        """Return what there is to know about a question: `id`, `text`, `choices`, `answer` and so on."""
        text, choices = internals.texts(self._worker, name)
        details = self._worker.template.questions_data[name]
        return {
            "id": name,
            "text": text,
            "type": details["type"],
            "several": details.get("multiselect", False),
            "choices": choices,
            "answer": self.answers[name],
            "asked": name not in self.unasked,
        }

    def farewell(self, **variables: Any) -> str:
        """Return Copier's last message: the next steps, or why nothing was written."""
        return internals.render(self._worker, self._worker.template.message_after_copy, **variables)


class Template:
    """A fetched version of the template: lists questions and presets, and renders projects.

    No method changes it, so the order of calls does not matter.
    """

    def __init__(self, source: Source, worker: Worker) -> None:
        self.source = source
        self._worker = worker  # never runs; each run has its own
        self._all: dict[str, dict[str, Any]] = worker.template.questions_data
        self.recorded = {name for name, details in self._all.items() if details.get("ask") is False}
        computed = self.recorded | {name for name, details in self._all.items() if details.get("when") is False}
        self.questions = {name: details for name, details in self._all.items() if name not in computed}
        if "framework" not in self.questions:
            raise Stop(f"{source.location} is not a Groundplan template: it has no question `framework`.")

    @property
    def presets(self) -> dict[str, Preset]:
        """All presets, by name."""
        files = sorted((self._worker.template.local_abspath / "presets").glob("*.yml"))
        texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
        return {name: Preset(text.partition("\n")[0].removeprefix("# "), text) for name, text in texts.items()}

    def check(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers in the types of their questions, or reject them.

        Copier itself checks free text, and answers that depend on unanswered questions, when it reaches the question.
        """
        if unknown := [name for name in answers if name not in self.questions]:
            meant = f" Did you mean {near[0]}?" if (near := get_close_matches(unknown[0], self.questions, 1)) else ""
            raise Stop(f"Unknown question {unknown[0]!r}.{meant} Allowed: {', '.join(self.questions)}.", ExitCode.USAGE)
        known: dict[str, Any] = {}

        def is_known(name: str, *parts: str) -> bool:
            return self._variables([self._all[name].get(part) for part in parts]) <= known.keys()

        with errors_in_one_line(self.source.location):
            for name in self._all:
                question = internals.question(self._worker, name, known)
                if name not in self.questions:
                    if is_known(name, "default"):
                        known[name] = question.get_default()
                elif name in answers:
                    if is_known(name, "when") and not question.get_when():
                        raise self._never_asked(name, known)
                    if is_known(name, "type", "choices"):
                        known[name] = _parse(question, answers[name])
        return {name: known.get(name, answer) for name, answer in answers.items()}

    def _never_asked(self, name: str, answers: Mapping[str, Any]) -> Stop:
        causes = [each for each in self.questions if each in answers and each in self._causes(name)]
        facts = " and ".join(f"{each} is {str(answers[each]).lower()}" for each in causes)
        return Stop(f"`{name}` is not asked{f' when {facts}' if facts else ' with these answers'}.", ExitCode.USAGE)

    def _causes(self, name: str) -> set[str]:
        """Return the variables that decide whether a question is asked, and those that these are computed from."""
        causes: set[str] = set()
        new = self._variables(self._all[name].get("when"))
        while new:
            causes |= new
            computed = new & self._all.keys() - self.questions.keys()
            new = self._variables([self._all[each].get("default") for each in computed]) - causes
        return causes

    def _variables(self, value: Any) -> set[str]:
        """Return the variables in the Jinja expressions of a value."""
        if isinstance(value, dict):
            value = [part for pair in value.items() for part in pair]
        if isinstance(value, list):
            return {name for part in value for name in self._variables(part)}
        if not isinstance(value, str) or "{" not in value:
            return set()
        tree = self._worker.jinja_env.parse(value)
        names = meta.find_undeclared_variables(tree) - self._worker.jinja_env.globals.keys()
        # An included template sees all answers.
        return names | {"_copier_answers" for node in tree.find_all(nodes.Node) if getattr(node, "with_context", False)}

    def decide(self, answers: Mapping[str, Any]) -> Outcome:
        """Return the outcome for the answers and the defaults of all other questions."""
        # Copier would read the answers of an existing project.
        with errors_in_one_line(self.source.location), tempfile.TemporaryDirectory() as empty:
            return Outcome(internals.answered(self._worker, answers, Path(empty)))

    def new_questions(self, recorded: Mapping[str, Any]) -> list[str]:
        """Return the questions to which a project that exists has no answer yet."""
        outcome = self.decide(recorded)
        known = outcome.answers | {"_copier_answers": outcome.answers}
        missing = [name for name in self.questions if name not in recorded and name not in outcome.unasked]
        return [name for name in missing if internals.question(self._worker, name, known).get_ask()]

    def render(self, answers: Mapping[str, Any], destination: Path, *, defaults: bool) -> Outcome:
        """Ask the remaining questions and write the project, unless the template excludes all files."""
        # Hide the warning that there is no terminal: an error follows if one is needed.
        quiet = contextlib.nullcontext() if sys.stdin.isatty() else contextlib.redirect_stderr(io.StringIO())
        with quiet:
            outcome = self._run(answers, destination, defaults=defaults)
        self.check_asked(answers, outcome)
        return outcome

    def check_asked(self, names: Iterable[str], outcome: Outcome) -> None:
        """Reject answers to questions that the other answers leave out, unless nothing is written."""
        never_asked = [name for name in names if name in outcome.unasked]
        if never_asked and outcome.answers["framework"] != NEITHER:
            raise self._never_asked(never_asked[0], outcome.answers)

    def _run(self, answers: Mapping[str, Any], destination: Path, **options: Any) -> Outcome:
        worker = internals.another(self._worker, data=dict(answers), dst_path=destination, **options)
        with errors_in_one_line(self.source.location):
            worker.run_copy()
        return Outcome(worker)


# The problem of an answer that does not have the type of its question. Other types take any YAML or JSON.
WRONG = {
    "bool": "is neither true nor false",
    "int": "is not a whole number",
    "float": "is not a number",
    "str": "is not text; quote it in a YAML file",
    "path": "is not text; quote it in a YAML file",
}


def _parse(question: internals.Question, answer: Any) -> Any:
    """Convert an answer to its question's type.

    Unlike Copier, do not accept arbitrary text as a bool, or an arbitrary YAML value as text.
    """
    name, wrong = question.var_name, WRONG.get(question.get_type_name())
    if question.multiselect and isinstance(answer, str):  # `a, b` as well as `[a, b]`
        answer = answer if answer.startswith("[") else f"[{answer}]"
        wrong = None
    elif question.multiselect and not isinstance(answer, list):
        answer = [answer]
    shown = str(answer).lower() if isinstance(answer, bool) else reprlib.repr(answer)
    values = answer if question.multiselect and isinstance(answer, list) else [answer]
    if wrong and None in values:
        problem = "null is not an answer"
    elif wrong and not all(_has_type(value, question) for value in values):
        problem = f"{shown} {wrong}"
    else:
        try:
            return question.parse_answer(answer)
        except RecursionError:
            problem = "it is nested too deeply"
        except (CopierError, TypeError, ValueError, yaml.YAMLError) as error:
            message = _plain(" ".join(str(error).split()))
            problem = message.removeprefix(f"{name}: ")
            if wrong and problem == message:  # a conversion failed
                problem = f"{shown} {wrong}"
    raise Stop(f"{name}: {problem.removesuffix('.')}.", ExitCode.USAGE)


def _has_type(value: Any, question: internals.Question) -> bool:
    """Return whether a value may answer a question. Text is converted later."""
    kind = question.get_type_name()
    if isinstance(value, str):
        return kind != "bool" or value.lower() in {"true", "false", "yes", "no", "on", "off"}
    if kind == "str" and question.choices:  # such as 3.13
        return type(value) in (bool, int, float)
    return type(value) in {"bool": (bool,), "int": (int,), "float": (int, float)}.get(kind, ())


def _plain(message: str) -> str:
    """Return Copier's message about an answer as `question: reason`."""
    message = re.sub(r"^(?:Validation error for question|Invalid choice for) '(\w+)':", r"\1:", message)
    if found := re.fullmatch(r"(.*) is not in (\[.*\])", message, re.DOTALL):
        with contextlib.suppress(ValueError, SyntaxError):  # then the values are not literals
            allowed = ", ".join(str(value) for value in ast.literal_eval(found[2]))
            message = f"{found[1]} is not one of {allowed}."
    return message


@contextlib.contextmanager
def fetched(source: Source, *, to_render: bool = True) -> Iterator[Template]:
    """Yield the template, and remove temporary files afterwards.

    Without `to_render`, it has no files of projects, which take longer to write than the decision. Of a repository on
    this machine, git then writes the few files that are needed, without a clone.
    """
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(internals.temporary_files()), "template")
        directory.mkdir()
        left_out = NOT_RENDERED if to_render else NOT_ASKED
        is_here = not to_render and source.ref is not None and Path(source.location).is_dir()
        settings = {} if is_here else without(left_out, directory)
        stack.enter_context(known_settings({**source.settings, **settings}))
        if is_here:
            check_out(Path(source.location), str(source.ref), directory, left_out)
        worker = stack.enter_context(
            Worker(src_path=str(directory), quiet=True)
            if is_here
            else Worker(src_path=source.location, vcs_ref=source.ref, quiet=True)
        )
        with errors_in_one_line(source.location), contextlib.redirect_stderr(io.StringIO()):
            internals.speed_up(worker)
            template = Template(source, worker)
        yield template


def recorded(project: Path) -> dict[str, Any]:
    """Return the project's answers file: the template (`_src_path`, without secrets; `_commit`) and all answers."""
    answers = _answers(project)
    return {**answers, "_src_path": without_secrets(str(answers["_src_path"])).public}


def holds_secret(project: Path) -> bool:
    """Return whether the project's answers file has a secret in the address of the template."""
    return bool(without_secrets(str(_answers(project)["_src_path"])).settings)


def _answers(project: Path) -> dict[str, Any]:
    """Return the project's answers file, all values as text: YAML takes a commit such as 1234567 for a number."""
    file = project / ANSWERS_FILE
    try:
        answers = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - it makes only text
    except FileNotFoundError as error:
        raise Stop(f"{project} is not a Groundplan project: it has no {ANSWERS_FILE}.") from error
    except NotADirectoryError as error:
        raise Stop(f"{project} is a file; a project is a directory.") from error
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Stop(f"{file} is not valid YAML: {_line(error)}") from error
    named = {name: answers.get(name) for name in ("_src_path", "_commit")} if isinstance(answers, dict) else {}
    if not named or not all(isinstance(value, str) and value.strip() not in NULL for value in named.values()):
        raise Stop(
            f"{file} does not name the project's template (_src_path) and its version (_commit).\n"
            f"Restore these lines: git log --patch -- {ANSWERS_FILE}"
        )
    return dict(answers)


MOVED = f"If the template has moved, set _src_path in {ANSWERS_FILE} to its new address, and commit the file."
NULL = ("", "~", "null", "Null", "NULL")  # in YAML


@contextlib.contextmanager
def _of_project(project: Path, ref: str | None, **options: Any) -> Iterator[tuple[Worker, str]]:
    address = without_secrets(_location(project))
    source, former = address.public, str(_answers(project)["_commit"])
    options = {"src_path": source, "dst_path": project, "vcs_ref": resolve(source, ref).ref, "quiet": True, **options}
    with internals.temporary_files(), known_settings(address.settings), Worker(**options) as worker:
        with errors_in_one_line(source, MOVED), contextlib.redirect_stderr(io.StringIO()):
            latest = worker.template.commit
            worker.subproject.last_answers.update(_src_path=source, _commit=former)  # Copier reads the old version here
            _check_former(project, worker.template.local_abspath, source, former)
            _check_types(project, worker)
        with errors_in_one_line(source):
            yield worker, str(latest)


def _check_former(project: Path, clone: Path, source: str, former: str) -> None:
    """Stop if the template does not have the version that the project was made from."""
    if former == "HEAD":  # of any clone
        raise Stop(
            f"_commit in {project / ANSWERS_FILE} is HEAD, which is not a version. Set it to the tag or commit that "
            "the project was made from, commit the file, and try again."
        )
    names = [f"{former}^{{commit}}", f"refs/remotes/origin/{former}^{{commit}}"]
    if any(git(clone, "rev-parse", "--verify", "--quiet", "--end-of-options", name, check=False) for name in names):
        return
    missing = f"The template {source} no longer has version {former}, which the project was made from."
    if Path(source).is_dir() and git(Path(source), "rev-parse", "--is-shallow-repository") == "true":
        raise Stop(f"{missing} It is a shallow clone. Run: git -C {shlex.quote(source)} fetch --unshallow --tags")
    raise Stop(
        f"{missing} A tag or branch was deleted, or the history was rewritten.\nFind the version with the same files "
        f"(git log --all in a clone), set _commit in {project / ANSWERS_FILE} to it, commit the file, and try again."
    )


def _check_types(project: Path, worker: Worker) -> None:
    """Stop if an answer that should be text is not, such as an unquoted date; Copier would not say which."""
    for name, answer in worker.subproject.last_answers.items():
        question = worker.template.questions_data.get(name, {})
        text = question.get("type") == "str" and not question.get("multiselect")
        if text and not isinstance(answer, str | int | float):
            raise Stop(
                f"The answer to {name} in {project / ANSWERS_FILE} is not text. Put it in quotes, and commit the file."
            )


def _location(project: Path) -> str:
    """Return the address of the project's template, with its secrets."""
    location = str(_answers(project)["_src_path"])
    public = without_secrets(location).public
    if Path(public).name == BUNDLE and not Path(public).exists():
        return installed_source().location  # the project was made by another installation
    if get_repo(public) is None:
        _refuse_bare(Path(public).expanduser())
        raise Stop(
            f"The project's template is no longer at {public}. Set _src_path in {project / ANSWERS_FILE} to "
            "the path of a clone or to a git URL, commit the file, and try again."
        )
    return location


def behind(project: Path) -> tuple[bool, str]:
    """Return whether the template has a newer version than the project, and the commit of that version."""
    with _of_project(project, None) as (worker, latest):
        return _is_behind(worker), latest


def _is_behind(worker: Worker) -> bool:
    if worker.subproject.template is None:  # Copier updates no such project
        raise Stop("The project does not name its template.")
    return bool(_version(worker.template) > _version(worker.subproject.template))


def _version(template: Any) -> Any:
    """Return the version of a template that Copier has fetched, to compare it with others."""
    with contextlib.suppress(ValueError):
        if template.version is not None:
            return template.version
    raise Stop(
        f"Version {template.commit} of the template cannot be compared with others: its tag must look like v1.2.0.\n"
        f"In the template, replace the tag: git tag v1.2.0 {template.commit_hash}. If the project was made from this "
        f"version, set _commit in {ANSWERS_FILE} to the new tag, and commit the file."
    )


@dataclass(frozen=True)
class Update:
    """An update that is ready, but has not changed the project yet."""

    before: str  # the versions
    after: str
    news: dict[str, list[str]]  # between them; see `preview.news`
    source: str  # of the template
    plan: Plan
    _copy: Copy

    @property
    def ignored(self) -> list[str]:
        """The new files that the project's git ignores."""
        return self._copy.ignored(self.plan)

    def apply(self) -> None:
        """Change the project, or nothing if something would be lost."""
        self._copy.apply(self.plan)


# Asks some questions of a project that has the answers, and returns the answers to these questions.
Ask = Callable[[Template, Mapping[str, Any], list[str]], dict[str, Any]]


@contextlib.contextmanager
def prepared(
    project: Path, ref: str | None, *, ask: Ask | None, answers: Callable[[Template], dict[str, Any]] = lambda _: {}
) -> Iterator[Update | None]:
    """Yield the update of a project to the newest version of its template, or to `ref`; None if there is none.

    New questions are asked by `ask`; without it, they take their defaults. Of the existing answers, only those that
    `answers` returns change.
    """
    options: dict[str, Any] = {"overwrite": True, "skip_answered": True, "defaults": True}
    if (project / ANSWERS_FILE).is_symlink():
        raise Stop(f"{project / ANSWERS_FILE} is a link. Replace it with the file itself, commit that, and try again.")
    with copied(project) as copy:
        with copy.settings(), _of_project(project, ref, dst_path=copy.path, **options) as (worker, latest):
            template = Template(Source(worker.template.url), worker)
            given = answers(template)
            worker.data.update(given)
            newer = _is_behind(worker) or ref is not None or bool(given)
            if newer and ask:
                with _answers_accepted(project, given):
                    known = {**worker.subproject.last_answers, **given}
                    known = {name: answer for name, answer in known.items() if not name.startswith("_")}
                    if names := template.new_questions(known):
                        worker.data.update(ask(template, known, names))
            if newer:
                with (
                    _answers_accepted(project, given),
                    errors_in_one_line(worker.template.url),
                    copy.links_left_alone(),
                    contextlib.redirect_stderr(io.StringIO()),  # Copier shows git's messages
                ):
                    copy.undo_edits(partial(_render_former, worker), ANSWERS_FILE)
                    worker.run_update()
                    _check_asked(copy.path, given)
                added = _news(worker, str(recorded(project).get("framework")))
        plan = copy.plan() if newer else None
        if plan and plan.files():
            yield Update(str(recorded(project)["_commit"]), latest, added, worker.template.url, plan, copy)
        else:
            yield None


def _render_former(worker: Worker, destination: Path) -> None:
    """Render the old version of the template, which a project was made from, with the project's answers."""
    former = worker.subproject.template
    if former is None:  # Copier updates no such project
        raise Stop("The project does not name its template.")
    answers = dict(worker.subproject.last_answers)
    run_copy(former.url, destination, answers, vcs_ref=former.commit, defaults=True, quiet=True)


def _check_asked(project: Path, given: dict[str, Any]) -> None:
    """Stop if a question has a new answer, but is not asked with the others: Copier would ignore it."""
    for name in given.keys() - _answers(project).keys():
        raise Stop(f"`{name}` is not asked with the project's other answers.", ExitCode.USAGE)


@contextlib.contextmanager
def _answers_accepted(project: Path, given: dict[str, Any]) -> Iterator[None]:
    """Explain why a version of the template does not accept the project's answers."""
    try:
        yield
    except Stop as stop:
        if stop.code != ExitCode.USAGE or given:
            raise
        name = str(stop).partition(":")[0]
        raise Stop(
            f"The template does not accept the project's answer to {stop}\nGive another one:\n  "
            f"groundplan update --data {name}=VALUE {shlex.quote(str(project))}"
        ) from stop


def _news(worker: Worker, framework: str) -> dict[str, list[str]]:
    """Return the changelog between the versions of an update."""
    former = worker.subproject.template
    if former is None:  # Copier updates no such project
        return {}
    return preview.news(former.local_abspath, worker.template.local_abspath, framework)
