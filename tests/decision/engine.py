"""The decision, rendered as in Copier but without it, so that a test can check thousands of answers."""

import functools
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tests.tools import ROOT

Answer: TypeAlias = str | bool
Answers: TypeAlias = dict[str, Answer]

CRITERIA = yaml.safe_load((ROOT / "extensions" / "criteria.yml").read_text())
VALUES: dict[str, list[Answer]] = {name: list(each["answers"]) for name, each in CRITERIA["criteria"].items()}
PRODUCTS = [str(product) for product in VALUES["product"]]
WEB_PRODUCTS = [product for product in PRODUCTS if product not in {"script", "pipeline"}]

ENVIRONMENT = SandboxedEnvironment(
    loader=FileSystemLoader(ROOT),
    undefined=StrictUndefined,
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
)


def answers_for(product: str, **answers: Answer) -> Answers:
    """The defaults for a product, with some other answers."""
    return {"product": product, **CRITERIA["defaults"][product], **answers}


def render(template: str, /, **variables: Any) -> str:
    """Render a template of the repository."""
    return ENVIRONMENT.get_template(template).render(**variables)


@functools.cache
def _decided(answers: tuple[tuple[str, Answer], ...]) -> str:
    return render("extensions/decision.jinja", _copier_answers=dict(answers))


def decide(answers: Answers) -> dict[str, Any]:
    """The decision for the answers."""
    return dict(json.loads(_decided(tuple(sorted(answers.items())))))


def lead(answers: Answers) -> int:
    """Django's lead in points; negative if FastAPI leads."""
    scores = decide(answers)["scores"]
    return int(scores["django"] - scores["fastapi"])


def weights() -> Iterator[tuple[str, Answer, dict[str, Any]]]:
    """All weights: criterion, answer, and the entry in criteria.yml."""
    for name, criterion in CRITERIA["criteria"].items():
        for value, weight in criterion["answers"].items():
            yield name, value, weight
            if "unless" in weight:
                yield name, value, weight["unless"]
