"""The decision, rendered as in Copier but without it, and the same rules in Python, which are faster.

tests/decision/test_properties.py shows that both agree.
"""

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
RULES = [(rule["criterion"], rule["answer"], rule.get("unless", {})) for rule in CRITERIA["neither"]]
WEB_PRODUCTS = [product for product in PRODUCTS if ("product", product, {}) not in RULES]
CHOICES = [name for name, criterion in CRITERIA["criteria"].items() if not criterion.get("fact")]

ENVIRONMENT = SandboxedEnvironment(
    loader=FileSystemLoader(ROOT),
    undefined=StrictUndefined,
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
)


def asked(answers: Answers) -> Answers:
    """The answers without those to questions that Copier would not ask."""
    return {
        name: answer for name, answer in answers.items() if name != "existing_role" or answers["existing"] != "nothing"
    }


def answers_for(product: str, **answers: Answer) -> Answers:
    """The defaults for a product, with some other answers."""
    return asked({"product": product, **CRITERIA["defaults"][product], **answers})


def render(template: str, /, **variables: Any) -> str:
    """Render a template of the repository."""
    return ENVIRONMENT.get_template(template).render(**variables)


@functools.cache
def _decided(answers: tuple[tuple[str, Answer], ...]) -> str:
    return render("extensions/decision.jinja", _copier_answers=dict(answers))


def decide(answers: Answers) -> dict[str, Any]:
    """The decision for the answers."""
    return dict(json.loads(_decided(tuple(sorted(answers.items())))))


def hold(conditions: dict[str, list[Answer]], answers: Answers) -> bool:
    """Whether all conditions hold."""
    return all(answers.get(name) in values for name, values in conditions.items())


LEADS = {
    (name, value): int(weight["django"] - weight["fastapi"])
    for name, criterion in CRITERIA["criteria"].items()
    for value, weight in criterion["answers"].items()
}
EXCEPTIONS = {
    (name, value): (weight["unless"]["answers"], int(weight["unless"]["django"] - weight["unless"]["fastapi"]))
    for name, criterion in CRITERIA["criteria"].items()
    for value, weight in criterion["answers"].items()
    if "unless" in weight
}


def lead(answers: Answers) -> int:
    """Django's lead in points; negative if FastAPI leads."""
    total = 0
    for answer in answers.items():
        exception = EXCEPTIONS.get(answer)
        total += exception[1] if exception and hold(exception[0], answers) else LEADS[answer]
    return total


def recommended(answers: Answers) -> str:
    """The recommended framework, or `neither`."""
    for name, answer, unless in RULES:
        if answers.get(name) == answer and not (unless and hold(unless, answers)):
            return "neither"
    points = lead(answers)
    return "django" if points > 0 else "fastapi" if points < 0 else str(CRITERIA["tie_break"])


def weights() -> Iterator[tuple[str, Answer, dict[str, Any]]]:
    """All weights: criterion, answer, and the entry in criteria.yml."""
    for name, criterion in CRITERIA["criteria"].items():
        for value, weight in criterion["answers"].items():
            yield name, value, weight
            if "unless" in weight:
                yield name, value, weight["unless"]
