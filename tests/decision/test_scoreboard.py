"""The decision for readers: the table above the framework question, and the record in the project."""

import itertools
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from markdown_it import MarkdownIt

from tests.decision.engine import (
    CHOICES,
    CRITERIA,
    PRODUCTS,
    VALUES,
    WEB_PRODUCTS,
    Answer,
    Answers,
    answers_for,
    asked,
    decide,
    render,
)
from tests.decision.test_properties import every_answer, quick
from tests.tools import ROOT

EVERY_ANSWER = [(criterion, value) for criterion, values in VALUES.items() for value in values]
NAMES = {"django": "Django", "fastapi": "FastAPI", "neither": "neither"}
TIE = answers_for("rest_api", accounts="full", flexibility="conventions")
SAME = "For this kind of service, code and data,"
OTHER = "a change of one of these could, too"
RECORD = "template_shared/docs/decisions/0001-web-framework.md.jinja"


def scoreboard(answers: Answers, *, brief: bool = False) -> str:
    return render("extensions/scoreboard.jinja", _copier_answers=answers, brief=brief)


def record(answers: Answers, framework: str, name: str = "My Service") -> str:
    decision = decide(answers | {"framework": framework})
    return render(RECORD, decision=decision, framework=framework, name=name)


def words(criterion: str, answer: Answer) -> str:
    """An answer as readers see it."""
    known = CRITERIA["criteria"][criterion]
    return f"{known['label']} ({known['answers'][answer]['text']})"


def in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("criterion", "value"), EVERY_ANSWER)
def test_the_scoreboard_shows_the_answer_below_80_columns(criterion: str, value: Answer) -> None:
    answers = asked(answers_for("rest_api", existing="python") | {criterion: value})
    decision, lines = decide(answers), scoreboard(answers).splitlines()
    assert max(map(len, lines)) < 80
    assert not any(line.endswith(" ") for line in lines)
    if decision["recommended"] == "neither":
        return
    reason = next(each for each in decision["reasons"] if each["criterion"] == criterion)
    known = CRITERIA["criteria"][criterion]
    if not reason["django"] and not reason["fastapi"]:
        assert words(criterion, value) in in_one_line("\n".join(lines)).partition("No points: ")[2]
        return
    points = f"Django {reason['django']}" if reason["django"] else f"FastAPI {reason['fastapi']}"
    row = rf"{re.escape(known['label'])} +{re.escape(known['answers'][value]['text'])} +{points}  \S.*"
    assert sum(bool(re.fullmatch(row, line)) for line in lines) == 1


@given(answers=every_answer)
@settings(quick, max_examples=60)
def test_the_prompt_fits_a_terminal_of_24_lines(answers: Answers) -> None:
    """Together with the question, a hint and four choices. The prompt cuts what does not fit."""
    lines = scoreboard(answers, brief=True).splitlines()
    assert len(lines) <= 24 - 1 - 1 - 4
    assert max(map(len, lines)) < 80


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_scoreboard_says_what_is_recommended_and_what_would_turn_it(product: str) -> None:
    answers = answers_for(product)
    decision, text = decide(answers), in_one_line(scoreboard(answers))
    assert f"Recommended: {NAMES[decision['recommended']]}" in text
    for flip in decision["flips"]:
        becomes = {**NAMES, "neither": "Neither"}[flip["becomes"]]
        same = [each for each in decision["flips"] if all(each[key] == flip[key] for key in ("becomes", "kind"))]
        openings = {
            "choice": ("with this answer", "with any one of these answers"),
            "fact": ("for a different service", "for a different service"),
        }
        opening = openings[flip["kind"]][len(same) > 1]
        known = CRITERIA["criteria"][flip["criterion"]]
        answer = re.escape(known["answers"][flip["to"]]["text"])
        pattern = rf"{becomes}, {opening}: [^.]*{known['label']} \([^)]*{answer}"
        assert re.search(pattern, text), flip
    if decision["alternative"]:
        assert decision["alternative"]["name"] in text
        assert decision["alternative"]["why"] in text
        assert "Points" not in text  # a table would say nothing
        return
    for change in decision["certainty"]["changes"]:
        assert words(change["criterion"], change["to"]) in text or decision["close"]
    assert "sell services" in text
    assert f"{decision['cost_of_change']}, says {CRITERIA['costs_source']}." in text
    for warning in decision["know_before"]:
        assert in_one_line(warning) in text


@pytest.mark.parametrize("product", WEB_PRODUCTS)
def test_the_prompt_has_the_weightiest_reasons_and_the_strongest_against(product: str) -> None:
    answers = answers_for(product, team="beginner", concurrency="high")
    decision, text = decide(answers), in_one_line(scoreboard(answers, brief=True))
    ours = decision["recommended"]
    theirs = {"django": "fastapi", "fastapi": "django"}[ours]
    for framework, most in ((ours, 3), (theirs, 1)):
        reasons = sorted((each for each in decision["reasons"] if each[framework]), key=lambda each: -each[framework])
        for reason in reasons[:most]:
            assert f"{words(reason['criterion'], reason['answer'])}: " in text
        for reason in reasons[most:]:
            assert f"{words(reason['criterion'], reason['answer'])}: " not in text


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            answers_for("cms"),
            f"Django, firmly: 20 points to 0. {SAME} not even three different answers would make it FastAPI.",
        ),
        (
            answers_for("client_backend"),
            f"FastAPI, clearly: 8 points to 1. {SAME} two different answers would make it Django; {OTHER}.",
        ),
        (
            answers_for("rest_api"),
            f"FastAPI, a close call: 5 points to 1. {SAME} one different answer would make it Django; {OTHER}.",
        ),
        (
            TIE,
            f"Django, a close call: 5 points to 5, and it wins ties. {SAME} one different answer would make it "
            f"FastAPI; {OTHER}.",
        ),
    ],
)
def test_the_scoreboard_says_how_certain_the_result_is(answers: Answers, words: str) -> None:
    assert f"Recommended: {words}" in in_one_line(scoreboard(answers))


def test_the_verdict_names_the_facts_that_the_search_for_other_answers_leaves_as_they_are() -> None:
    """Its sentence holds for choices. These are the facts; `SAME` has the words for them."""
    assert set(VALUES) - set(CHOICES) == {"product", "also", "existing", "existing_role", "storage"}


@given(answers=every_answer)
@settings(quick)
def test_the_verdict_names_single_facts_that_reverse_it(answers: Answers) -> None:
    decision, text = decide(answers), in_one_line(scoreboard(answers))
    other = {"django": "fastapi", "fastapi": "django"}.get(decision["recommended"])
    facts = {flip["criterion"] for flip in decision["flips"] if (flip["kind"], flip["becomes"]) == ("fact", other)}
    assert (OTHER in text) is bool(facts)


CONTRADICTIONS = [
    (dict(zip(entry["answers"], values, strict=True)), entry["why"])
    for entry in CRITERIA["contradictory_answers"]
    for values in itertools.product(*entry["answers"].values())
]


@pytest.mark.parametrize(("pair", "why"), CONTRADICTIONS)
def test_answers_that_contradict_each_other_are_named(pair: Answers, why: str) -> None:
    answers = answers_for("internal_tool", **{name: value for name, value in pair.items() if name != "product"}) | pair
    assert {"answers": pair, "why": why} in decide(answers)["contradictions"]
    assert why in in_one_line(scoreboard(answers))
    assert f"- {why}\n" in record(answers, "django")
    assert "These answers contradict each other" in scoreboard(answers, brief=True)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_answers_that_follow_from_a_kind_of_service_do_not_contradict_each_other(product: str) -> None:
    answers = answers_for(product)
    assert decide(answers)["contradictions"] == []
    assert "These answers contradict each other" not in scoreboard(answers) + record(answers, "django")


@pytest.mark.parametrize("file", sorted((ROOT / "presets").glob("*.yml")), ids=lambda file: file.stem)
def test_no_preset_contradicts_itself(file: Path) -> None:
    preset = yaml.safe_load(file.read_text())
    answers = answers_for(preset["product"]) | {name: value for name, value in preset.items() if name in VALUES}
    assert decide(answers)["contradictions"] == []


@pytest.mark.parametrize(
    ("product", "closed"), [("cms", True), ("internal_tool", True), ("web_app", False), ("ecommerce", False)]
)
def test_the_features_name_the_sign_up_where_it_is_open(product: str, closed: bool) -> None:
    features = in_one_line(scoreboard(answers_for(product))).partition("Features ")[2]
    assert ("second factors, no sign-up" in features) is closed
    assert ("sign-up and second factors" in features) is not closed


def test_what_a_vendor_sells_is_said_once() -> None:
    text = in_one_line(scoreboard(answers_for("rest_api", existing="other", existing_role="replaces")))
    assert text.count("figures are for leaving Django") == 1


def test_better_advice_comes_with_trigger_and_price() -> None:
    answers = answers_for("web_app", also="realtime")
    advice = decide(answers)["advice"]
    assert "beside it" in advice["what"]
    for text in (scoreboard(answers), record(answers, "django")):
        assert all(advice[part] in in_one_line(text) for part in ("what", "trigger", "price"))
    assert advice["what"] in in_one_line(scoreboard(answers, brief=True))
    assert "Better" not in scoreboard(answers_for("web_app"))


@pytest.mark.parametrize(
    "answers", [answers_for("web_app", team="no_python", existing="other"), answers_for("pipeline", also="web_app")]
)
def test_neither_comes_with_advice_and_sources(answers: Answers) -> None:
    advice, shown = decide(answers)["advice"], in_one_line(scoreboard(answers))
    assert all(advice[part] in shown for part in ("what", "trigger", "price"))
    assert "sell services" in shown


def test_a_tie_is_explained() -> None:
    for text in (scoreboard(TIE), record(TIE, "django")):
        assert CRITERIA["tie_break_why"] in in_one_line(text)
    for text in (scoreboard(answers_for("cms")), record(answers_for("cms"), "django")):
        assert CRITERIA["tie_break_why"] not in in_one_line(text)


def test_third_ways_are_named_for_both_frameworks() -> None:
    for product, name in (("web_app", "Node.js"), ("rest_api", "Node.js")):
        answers = answers_for(product, existing="other")
        assert name in scoreboard(answers)
        assert f"- {name}" in record(answers, decide(answers)["recommended"])


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            answers_for("web_app"),
            "Features pages, sign-up and second factors, an admin, Docker Compose, uploads Sources",
        ),
        (answers_for("serverless"), "functions on AWS Lambda (they cost nothing while idle) Sources"),
        (answers_for("serverless", live_connections=True), "an image alone (the platform runs it)"),
        (
            answers_for("rest_api", horizon="enterprise", team="async_python"),
            "Features accounts, Docker Compose and Kubernetes (an organisation depends on it) Sources",
        ),
    ],
)
def test_the_features_that_follow_are_shown(answers: Answers, words: str) -> None:
    for brief in (True, False):
        assert words in in_one_line(scoreboard(answers, brief=brief))


OLD = {  # what criteria version 1.0 recorded
    "engine": "1.0", "recommended": "django", "scores": {"django": 77, "fastapi": 66}, "close": True,
    "reasons": [{"criterion": "product", "answer": "cms", "django": 9, "fastapi": 0, "why": "Why.", "sources": []}],
    "flips": [{"criterion": "team", "from": "python", "to": "async_python"}], "alternative": None,
    "know_before": ["Beware."],
}  # fmt: skip


def test_a_recorded_decision_is_shown_as_it_was_made() -> None:
    for brief in (True, False):
        shown = render("extensions/scoreboard.jinja", decision=OLD, brief=brief)
        assert "Recommended: Django: 77 points to 66." in shown
        assert "Workload" not in shown
    shown = render(RECORD, decision=OLD, framework="django", name="x")
    assert "77 points to 66" in shown
    assert "- Beware." in shown


def headings(markdown: str) -> list[str]:
    tokens = MarkdownIt().parse(markdown)
    return [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("framework", ["django", "fastapi"])
def test_the_record_is_markdown_that_holds_everything(product: str, framework: str) -> None:
    text = record(answers_for(product), framework)
    decision = decide(answers_for(product) | {"framework": framework})
    names = headings(text)
    assert names[:4] == [
        f"1. Build on {NAMES[framework]}", "Context and problem statement", "Considered options", "Decision outcome"
    ]  # fmt: skip
    points = [(NAMES[each], decision["scores"][each]) for each in ("django", "fastapi")]
    scores = [f"{name}: {score} point{'s' if score != 1 else ''}" for name, score in points]
    assert names[4:] == [
        "Consequences", "Confirmation", "Pros and cons of the options", *scores, "No points", "More information"
    ]  # fmt: skip
    for reason in decision["reasons"]:
        assert f"**{words(reason['criterion'], reason['answer'])}**" in text
        assert reason["why"] in text
        for source in reason["sources"]:
            assert CRITERIA["articles"][source["article"]]["publisher"] in text
            assert source.get("figure", "") in text
    for sentence in [*decision["know_before"], *CRITERIA["signs"][framework]]:
        assert f"- {sentence}\n" in text
    for contradiction in CRITERIA["contradictions"]:
        assert f"- {contradiction['text']}\n" in text
    assert text.endswith("\n")
    assert f"{decision['cost_of_change']}, says {CRITERIA['costs_source']}." in text or not decision["cost_of_change"]
    assert "Sources: ." not in text
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
