"""Copier's private API. Only this module uses it, and tests/test_internals.py watches it.

Copier's public functions `run_copy` and `run_update` fetch the template in each call and remove it afterwards. They
cannot list the questions, check an answer before all earlier questions are answered, or render a text with the answers.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from copier._main import Worker
from copier._user_data import AnswersMap, Question
from copier._vcs import get_latest_tag, get_repo

__all__ = [
    "AnswersMap",
    "Question",
    "Worker",
    "another",
    "get_latest_tag",
    "get_repo",
    "question",
    "render",
    "render_former",
]


def another(worker: Worker, **options: Any) -> Worker:
    """Return a worker with other options for the template that `worker` has fetched."""
    new = replace(worker, **options)
    new.template = worker.template
    return new


def question(worker: Worker, name: str, answers: Mapping[str, Any]) -> Question:
    """Return a question in the context of earlier `answers`, to parse an answer or find out whether it is asked."""
    details = worker.template.questions_data[name]
    return Question(var_name=name, answers=AnswersMap(), context=answers, jinja_env=worker.jinja_env, **details)


def render(worker: Worker, text: str) -> str:
    """Render a text with the answers of the worker's run."""
    return worker._render_string(text).strip()


def render_former(worker: Worker, destination: Path) -> None:
    """Render the version of the template that a project was made from, with the project's answers."""
    former = worker.subproject.template
    if former is None:  # Copier updates no such project
        raise ValueError("The project does not name its template.")
    with replace(
        worker,
        src_path=former.url,
        vcs_ref=former.commit,
        dst_path=destination,
        data=dict(worker.subproject.last_answers),
        defaults=True,
        quiet=True,
        ask=(),
    ) as old:
        old.run_copy()
