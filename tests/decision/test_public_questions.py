"""docs/public-questions.md gives the results that its answers have."""

import re

import pytest

from tests.decision.engine import Answer, answers_for, decide, render
from tests.tools import ROOT

PAGE = (ROOT / "docs" / "public-questions.md").read_text()
QUESTIONS = PAGE.split("\n## ")[1:]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question).partition("\n")[0])
def test_the_result_is_what_the_page_says(question: str) -> None:
    answers: dict[str, Answer] = {}
    given = re.search(r"^- Answers: `(.+)`$", question, re.MULTILINE)
    result = re.search(r"^- Result: (.+)$", question, re.MULTILINE)
    assert given is not None
    assert result is not None
    for pair in given[1].split():
        name, _, value = pair.partition("=")
        answers[name] = {"true": True, "false": False}.get(value, value)
    decision = decide(answers_for(str(answers.pop("product")), **answers))
    said = render("extensions/scoreboard.jinja", decision=decision)
    assert re.match(rf"Recommended: {re.escape(result[1])}[:.]", said)
    if "did the opposite" in question:
        assert decision["close"]


def test_there_are_twelve() -> None:
    assert len(QUESTIONS) == 12
