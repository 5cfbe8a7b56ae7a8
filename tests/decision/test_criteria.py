"""criteria.yml matches the questionnaire and keeps its own rules."""

from typing import Any

import pytest

from tests.decision.engine import (
    CRITERIA,
    ENVIRONMENT,
    PRODUCTS,
    VALUES,
    Answer,
    answers_for,
    decide,
    render,
    weights,
)
from tests.tools import QUESTIONNAIRE

QUESTIONS = {name: details for name, details in QUESTIONNAIRE.items() if not name.startswith("_")}
FRAMEWORKS = {"django", "fastapi"}


def choices(question: str) -> list[Answer]:
    details = QUESTIONS[question]
    return [True, False] if details["type"] == "bool" else list(details["choices"].values())


def test_the_questionnaire_asks_for_the_criteria_first_then_the_framework() -> None:
    names = list(QUESTIONS)
    assert names[: len(VALUES) + 1] == [*VALUES, "framework"]
    assert names[0] == "product"
    assert names[-2:] == ["decision", "built"]


@pytest.mark.parametrize("criterion", VALUES)
def test_choices_and_weights_are_the_same_values(criterion: str) -> None:
    assert choices(criterion) == VALUES[criterion]
    assert all(isinstance(value, (str, bool)) for value in VALUES[criterion])


@pytest.mark.parametrize("question", [*VALUES, "framework"])
def test_a_question_of_the_decision_is_asked_once(question: str) -> None:
    assert "built is undefined" in QUESTIONS[question]["ask"]
    assert QUESTIONS[question]["help"]


@pytest.mark.parametrize("question", ["name", "slug", "description", "author", "email", "licence"])
def test_a_question_of_the_project_is_asked_where_there_will_be_one(question: str) -> None:
    assert QUESTIONS[question]["when"] == "{{ framework != 'neither' }}"


def test_the_decision_is_recorded_and_never_asked() -> None:
    assert QUESTIONS["decision"]["ask"] is False
    assert "when" not in QUESTIONS["decision"]  # a hidden answer would not be recorded


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_answers_every_later_question_with_an_allowed_value(product: str) -> None:
    defaults = CRITERIA["defaults"][product]
    assert list(defaults) == list(VALUES)[1:]
    assert defaults["flexibility"] == "either"  # a wish is never assumed
    for question, value in defaults.items():
        assert value in VALUES[question]
        default = ENVIRONMENT.from_string(QUESTIONS[question]["default"])
        assert default.render(product=product) == str(value).lower()


def test_every_weight_has_points_a_reason_and_its_sources() -> None:
    for criterion, value, weight in weights():
        where = (criterion, value)
        for framework in FRAMEWORKS:
            assert type(weight[framework]) is int, where
            assert 0 <= weight[framework] <= 9, where
        assert not (weight["django"] and weight["fastapi"]), where  # points can be read as a lead
        assert weight["why"].endswith("."), where
        assert len(weight["why"]) > 20, where
        assert 0 < len(weight["short"]) <= 27, where  # columns of the table
        assert weight["sources"] or not (weight["django"] or weight["fastapi"]), where


def test_every_criterion_says_what_it_adds_and_every_answer_has_words() -> None:
    for criterion in CRITERIA["criteria"].values():
        assert criterion["adds"].endswith(".")
        assert len(criterion["label"]) <= 15
        for weight in criterion["answers"].values():
            assert 0 < len(weight["text"]) <= 24
        assert len({weight["text"] for weight in criterion["answers"].values()}) == len(criterion["answers"])


def sourced() -> list[dict[str, Any]]:
    entries = [weight for _, _, weight in weights()]
    lists = ("neither", "advice", "third_ways", "know_before", "contradictions")
    return [*entries, *(entry for name in lists for entry in CRITERIA[name])]


def test_every_source_is_a_listed_article_and_every_article_is_used() -> None:
    cited = [source for entry in sourced() for source in entry["sources"]]
    assert {source["article"] for source in cited} == set(CRITERIA["articles"])
    assert all(set(source) <= {"article", "figure"} for source in cited)
    for article in CRITERIA["articles"].values():
        assert set(article) == {"title", "publisher", "date", "interest"}


def test_product_is_the_heaviest_criterion() -> None:
    """Of those that describe a new service: existing code has a price, which is no evidence."""

    def reach(criterion: str) -> int:
        leads = [int(weight["django"] - weight["fastapi"]) for name, _, weight in weights() if name == criterion]
        return max(leads) - min(leads)

    assert all(reach("product") > reach(criterion) for criterion in VALUES if criterion not in {"product", "existing"})


def test_conditions_name_existing_answers() -> None:
    conditions: list[dict[str, list[Answer]]] = [{rule["criterion"]: [rule["answer"]]} for rule in CRITERIA["neither"]]
    conditions += [rule["unless"] for rule in CRITERIA["neither"] if "unless" in rule]
    conditions += [
        entry["answers"] for name in ("advice", "third_ways", "contradictory_answers") for entry in CRITERIA[name]
    ]
    conditions += [entry["answers"] for entry in CRITERIA["know_before"] if "answers" in entry]
    for criterion, _, weight in weights():
        if "unless" in weight:
            assert criterion not in weight["unless"]["answers"]
            conditions.append(weight["unless"]["answers"])
    for each in conditions:
        for criterion, values in each.items():
            assert set(values) <= set(VALUES[criterion])


def test_texts_for_each_result_are_complete() -> None:
    assert set(CRITERIA["costs"]) == set(VALUES["horizon"])
    assert set(CRITERIA["signs"]) == FRAMEWORKS
    assert {each["framework"] for each in CRITERIA["know_before"]} == FRAMEWORKS
    for entry in CRITERIA["advice"]:
        assert set(entry["recommended"]) <= {*FRAMEWORKS, "neither"}
        assert all(entry[part].endswith(".") for part in ("what", "trigger", "price"))
    for entry in CRITERIA["contradictory_answers"]:
        assert len(entry["answers"]) >= 2
        assert entry["why"].endswith(".")
        assert len(entry["why"]) <= 100  # two lines with the heading, above a list of answers
    for entry in CRITERIA["know_before"]:
        assert len(entry["short"]) <= 45


def test_a_contradiction_is_named_where_it_is_weighed() -> None:
    texts = {(criterion, value): weight["why"] for criterion, value, weight in weights()}
    for where in [("team", "beginner"), ("team", "python"), ("workload", "database")]:
        assert "contradict" in texts[where]
    assert "three" in texts["product", "rest_api"].lower()
    assert "measured" in texts["workload", "database"]


def test_the_decision_holds_plain_data() -> None:
    decision = decide(answers_for("realtime"))
    assert set(decision) == {
        "engine", "recommended", "scores", "certainty", "close", "reasons", "flips", "alternative", "advice",
        "third_ways", "cost_of_change", "know_before", "contradictions",
    }  # fmt: skip
    assert decision["engine"] == CRITERIA["version"]
    live = next(reason for reason in decision["reasons"] if reason["criterion"] == "live_connections")
    assert live["answer"] is True
    assert render("extensions/decision.jinja", _copier_answers=answers_for("realtime")).strip().startswith("{")
