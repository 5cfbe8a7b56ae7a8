"""The decision for readers: the table above the framework question, and the record in the project."""

import itertools
import re

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.decision.engine import CRITERIA, PRODUCTS, VALUES, WEB_PRODUCTS, Answer, Answers, answers_for, decide, render
from tests.tools import ROOT

EVERY_ANSWER = [(criterion, value) for criterion, values in VALUES.items() for value in values]
NAMES = {"django": "Django", "fastapi": "FastAPI", "neither": "neither"}
TIE = answers_for("data_platform") | {"product": "microservice", "api_docs": "none"}
RECORD = "template_shared/docs/decisions/0001-web-framework.md.jinja"


def scoreboard(answers: Answers) -> str:
    return render("extensions/scoreboard.jinja", _copier_answers=answers)


def record(answers: Answers, framework: str, name: str = "My Service") -> str:
    decision = decide(answers | {"framework": framework})
    return render(RECORD, decision=decision, framework=framework, name=name)


@pytest.mark.parametrize(("criterion", "value"), EVERY_ANSWER)
def test_the_scoreboard_shows_the_answer_below_80_columns(criterion: str, value: Answer) -> None:
    answers = answers_for("rest_api") | {criterion: value}
    decision, lines = decide(answers), scoreboard(answers).splitlines()
    assert max(map(len, lines)) < 80
    assert not any(line.endswith(" ") for line in lines)
    reason = next(each for each in decision["reasons"] if each["criterion"] == criterion)
    label = re.escape(CRITERIA["criteria"][criterion]["label"])
    row = rf"{label} +{str(value).lower()} +{reason['django']} +{reason['fastapi']}  \S.*"
    assert sum(bool(re.fullmatch(row, line)) for line in lines) == 1


@pytest.mark.parametrize("product", WEB_PRODUCTS)
def test_the_scoreboard_fits_a_terminal_of_24_lines(product: str) -> None:
    """Together with the question, a hint and three choices. The prompt cuts what does not fit."""
    preset = yaml.safe_load((ROOT / "presets" / f"{product}.yml").read_text())
    for answers in (answers_for(product), answers_for(**preset)):
        assert len(scoreboard(answers).splitlines()) <= 24 - 1 - 1 - 3


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_scoreboard_says_what_is_recommended_and_what_would_turn_it(product: str) -> None:
    answers = answers_for(product)
    decision, text = decide(answers), " ".join(scoreboard(answers).split())
    assert f"Recommended: {NAMES[decision['recommended']]}" in text
    for flip in decision["flips"]:
        label = CRITERIA["criteria"][flip["criterion"]]["label"]
        assert re.search(rf"Any one of these answers .*{label} \([^)]*{flip['to']}", text)
    assert ("Changing a single answer would not change the result" in text) is (not decision["flips"])
    if decision["alternative"]:
        assert decision["alternative"]["name"] in text
        assert decision["alternative"]["why"] in text


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (answers_for("cms"), "Django, by far: 30 points to 3."),
        (answers_for("rest_api"), "FastAPI, clearly: 17 points to 10."),
        (answers_for("rest_api", team="django"), "Django, narrowly: 17 points to 16."),
        (TIE, "Django, which wins ties: 13 points each."),
    ],
)
def test_the_scoreboard_says_how_firm_the_result_is(answers: Answers, words: str) -> None:
    assert f"Recommended: {words}" in scoreboard(answers)


def test_a_recorded_decision_is_shown_as_it_was_made() -> None:
    decision = decide(answers_for("cms"))
    decision["scores"] = {"django": 77, "fastapi": 66}
    shown = render("extensions/scoreboard.jinja", decision=decision, _copier_answers=answers_for("realtime"))
    assert "77 points to 66" in shown
    assert "realtime" not in shown


def test_a_recorded_decision_without_a_newer_criterion_is_shown() -> None:
    decision = decide(answers_for("cms"))
    decision["reasons"] = [reason for reason in decision["reasons"] if reason["criterion"] != "workload"]
    assert "Workload" not in render("extensions/scoreboard.jinja", decision=decision)


def headings(markdown: str) -> list[str]:
    tokens = MarkdownIt().parse(markdown)
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


def cells(markdown: str) -> list[list[str]]:
    rows: list[list[str]] = []
    tokens = MarkdownIt().enable("table").parse(markdown)
    for before, token in itertools.pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in {"td_open", "th_open"}:
            rows[-1].append(token.content)
    return rows


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("framework", ["django", "fastapi"])
def test_the_record_is_markdown_that_holds_everything(product: str, framework: str) -> None:
    text = record(answers_for(product), framework)
    decision = decide(answers_for(product) | {"framework": framework})
    assert headings(text) == [
        f"1. Build on {NAMES[framework]}",
        "Context", "Decision", "Scores", "Reasons", "What would change this decision", "Know before you start",
        "Where the sources disagree", "Sources",
    ]  # fmt: skip
    table = cells(text)
    assert [row[1].strip("`") for row in table[1:-1]] == [str(each["answer"]).lower() for each in decision["reasons"]]
    assert all(len(row) == 4 for row in table)
    assert table[-1][2:] == [f"**{decision['scores'][each]}**" for each in ("django", "fastapi")]
    for reason in decision["reasons"]:
        assert reason["why"] in text
        for source in reason["sources"]:
            assert CRITERIA["articles"][source["article"]]["publisher"] in text
            assert source.get("figure", "") in text
    for warning in [*decision["know_before"], *(each["text"] for each in CRITERIA["contradictions"])]:
        assert f"- {warning}\n" in text
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert not text.endswith("\n\n")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_the_record_says_that_the_recommendation_was_overridden() -> None:
    accepted, overridden = record(answers_for("cms"), "django"), record(answers_for("cms"), "fastapi")
    assert "as the answers recommend" in accepted
    assert "against the recommendation: Django" in overridden
    assert "against the recommendation: neither" in record(answers_for("script"), "fastapi")


@pytest.mark.parametrize("name", ["a | b", "# x", "*", "`", "[x](y)", "<b>", "\\", "🐍 مرحبا", "{{ name }}", "1. a"])
def test_the_record_survives_any_name(name: str) -> None:
    assert headings(record(answers_for("cms"), "django", name)) == headings(record(answers_for("cms"), "django"))
    rendered = MarkdownIt().render(record(answers_for("cms"), "django", name))
    assert "<b>" not in rendered
