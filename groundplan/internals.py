"""Copier's private API. Only this module uses it, and tests/test_internals.py watches it.

The public API is what `copier` and `copier.errors` export: `run_copy`, `run_update` and the settings. These functions
fetch the template in each call and remove it afterwards.
"""

import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import questionary
import yaml

# No public name fetches a template once to list its questions, decide, render and update, or renders a text with the
# answers.
from copier._main import Worker

# No public name checks one answer, or asks one question, before the others have answers.
from copier._user_data import AnswersMap, Question

# No public name tells which locations are repositories, or which version of a repository Copier takes.
from copier._vcs import get_latest_tag, get_repo

__all__ = [
    "AnswersMap",
    "Question",
    "Worker",
    "another",
    "answered",
    "ask",
    "get_latest_tag",
    "get_repo",
    "question",
    "render",
    "speed_up",
    "temporary_files",
    "texts",
]


YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, if PyYAML has it here


def _from_yaml(text: Any) -> Any:
    return yaml.load(text, YAML) if isinstance(text, str) else text  # noqa: S506 - a SafeLoader


def speed_up(worker: Worker) -> None:
    """Let Jinja compile each text once, and read YAML faster, with the same results.

    Copier compiles the name of the answers file again for each file and question. Without this, `new` takes about twice
    as long: see benchmarks/command.py.
    """
    worker.jinja_env.filters["from_yaml"] = _from_yaml
    compiled = lru_cache(maxsize=None)(worker.jinja_env.from_string)
    worker.jinja_env.from_string = compiled  # type: ignore[assignment, method-assign]


def another(worker: Worker, **options: Any) -> Worker:
    """Return a worker with other options for the template that `worker` has fetched."""
    new = replace(worker, **options)
    new.template, new.jinja_env = worker.template, worker.jinja_env
    return new


def question(worker: Worker, name: str, answers: Mapping[str, Any]) -> Question:
    """Return a question in the context of earlier `answers`, to parse an answer or find out whether it is asked."""
    details = worker.template.questions_data[name]
    return Question(var_name=name, answers=AnswersMap(), context=answers, jinja_env=worker.jinja_env, **details)


def answered(worker: Worker, answers: Mapping[str, Any], destination: Path) -> Worker:
    """Return a worker that has answered every question, from `answers` or with its default, and has written nothing.

    `destination` must not have an answers file.
    """
    new = another(worker, data=dict(answers), dst_path=destination, defaults=True)
    new._ask()
    return new


def _again(worker: Worker, name: str) -> Question:
    """Return a question as it was when it was answered, after the questions before it, with its answer as default."""
    names = list(worker.template.questions_data)
    earlier = set(names[: names.index(name)])
    answers = worker.answers.combined
    before = replace(worker)
    before.answers = AnswersMap(user={each: answers[each] for each in names if each in earlier and each in answers})
    before.answers.hidden = worker.answers.hidden & earlier
    details = worker.template.questions_data[name]
    return Question(
        var_name=name,
        answers=AnswersMap(init={name: answers[name]}),
        context=before._render_context(),
        jinja_env=worker.jinja_env,
        **details,
    )


def _without_prefix(result: str | bool, name: str) -> str | bool:
    return str(result).removeprefix(f"Validation error for question '{name}': ") if isinstance(result, str) else result


def ask(worker: Worker, name: str, mark: str, more: Mapping[str, Any]) -> Any:
    """Ask a question of an answered worker, and return the answer, or the value of one of `more` choices.

    `mark` is shown before the question.
    """
    structure = _again(worker, name).get_questionary_structure() | {"qmark": mark}
    if validate := structure.get("validate"):
        structure["validate"] = lambda typed: _without_prefix(validate(typed), name)
    if more:
        structure["choices"] = [*structure["choices"], *(questionary.Choice(*each) for each in more.items())]
    return questionary.unsafe_prompt([structure], answers={name: worker.answers.combined[name]})[name]


def texts(worker: Worker, name: str) -> tuple[str, dict[Any, str]]:
    """Return the text of a question, and the texts of its choices by value."""
    found = question(worker, name, worker._render_context())
    return found.get_message().strip(), {choice.value: str(choice.title) for choice in found._formatted_choices}


def render(worker: Worker, text: str, **variables: Any) -> str:
    """Render a text with the answers of the worker's run, and with these variables."""
    return worker._render_string(text, variables).strip()


@contextlib.contextmanager
def temporary_files() -> Iterator[Path]:
    """Let Copier write its temporary files into a directory that is removed afterwards, also after an interruption."""
    before = tempfile.gettempdir()
    directory = Path(before, f"groundplan-{secrets.token_hex(8)}")
    try:
        directory.mkdir(mode=0o700)
        tempfile.tempdir = str(directory)
        yield directory
    finally:
        tempfile.tempdir = before
        for _ in range(100):
            shutil.rmtree(directory, ignore_errors=True)
            if not directory.exists():
                break
            time.sleep(0.05)  # a git command that is about to end has written another file
