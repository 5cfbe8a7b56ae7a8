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
    assert set(re.findall(r"\d+(?:\.\d+)?", measured)) == set(ties.values())
    for name, said in ties.items():
        digits = len(said.partition(".")[2])
        assert f"{result(name):.{digits}f}" == said, name


def test_nothing_else_is_tied() -> None:
    assert len(CLAIMS) == 6
    assert {text for text, entry in TEXTS.items() if "measured" in entry} == set(CLAIMS)
