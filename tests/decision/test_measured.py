"""Every figure that criteria.yml calls measured is one of docs/frameworks.json."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.decision.engine import CRITERIA
from tests.tools import ROOT

RESULTS = json.loads((ROOT / "docs" / "frameworks.json").read_text())


def entries(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in criteria.yml that has a text."""
    if isinstance(value, dict):
        if "why" in value or "text" in value:
            yield value
        for each in value.values():
            yield from entries(each)
    elif isinstance(value, list):
        for each in value:
            yield from entries(each)


TEXTS = {str(entry.get("why") or entry["text"]): entry for entry in entries(CRITERIA)}
CLAIMS = [text for text in TEXTS if "measured" in text.lower()]


def result(name: str) -> float:
    figure, _, kind = name.rpartition(".")
    return float((RESULTS["figures"] | RESULTS["ratios"])[figure][kind]["median"])


@pytest.mark.parametrize("text", CLAIMS)
def test_what_is_called_measured_is_tied_to_a_result(text: str) -> None:
    _, _, measured = re.split("(measured)", text, maxsplit=1, flags=re.IGNORECASE)
    ties = TEXTS[text]["measured"]
    assert re.findall(r"\d+(?:\.\d+)?", measured) == list(ties.values())  # in the order of the text
    for name, said in ties.items():
        digits = len(said.partition(".")[2])
        assert f"{result(name):.{digits}f}" == said, name


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("1.3 to 1.7 times", ["one_row.drf/fastapi.cpu_us", "list.drf/fastapi.cpu_us"]),
        ("1.4 times", ["slow.django_32_threads/fastapi.cpu_us"]),
        ("1.6 to 1.7 times", ["idle.django_1000_threads/fastapi.kib", "idle.django_async/fastapi.kib"]),
    ],
)
def test_the_figures_in_the_summary_are_those_of_the_results(words: str, names: list[str]) -> None:
    summary = (ROOT / "docs" / "frameworks.md").read_text().partition("## Results")[0]
    assert words in summary
    assert re.findall(r"\d\.\d", words) == [f"{result(name):.1f}" for name in names]


def test_nothing_else_is_tied() -> None:
    assert len(CLAIMS) == 6
    assert {text for text, entry in TEXTS.items() if "measured" in entry} == set(CLAIMS)
