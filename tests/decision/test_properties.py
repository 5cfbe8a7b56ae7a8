"""Properties of all answers: evidence never argues backwards, and the named changes do change the result.

The values of each criterion have an order from FastAPI to Django (`TOWARDS_DJANGO`). Moving one answer along it, with
any other answers, never lowers Django's lead, and so never changes the result to FastAPI.
"""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.decision.engine import CRITERIA, VALUES, WEB_PRODUCTS, Answer, Answers, answers_for, decide, lead, weights

TOWARDS_DJANGO: dict[str, list[Answer]] = {
    "product": [
        "microservice", "ml_serving", "realtime", "client_backend", "serverless", "rest_api",
        "script", "pipeline",  # no points: a separate rule decides
        "data_platform", "ecommerce", "internal_tool", "cms", "web_app",
    ],
    "admin_panel": ["none", "useful", "essential"],
    "rendering": ["api", "both", "server"],
    "accounts": ["none", "basic", "full"],
    "workload": ["external_io", "mixed", "database", "cpu"],
    "concurrency": ["high", "moderate", "low"],
    "live_connections": [True, False],
    "api_docs": ["essential", "useful", "none"],
    "team": ["async_python", "no_python", "python", "beginner", "django"],
    "deadline": ["normal", "tight"],
    "horizon": ["small_service", "product", "enterprise"],
    "flexibility": ["own_components", "conventions"],
    "existing": ["fastapi", "nothing", "django"],
    "asgi_operations": ["ready", "not_ready"],
}  # fmt: skip
RANK = {"fastapi": 0, "django": 1}

every_answer = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
quick = settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))


def assert_never_backwards(answers: Answers, criterion: str) -> None:
    steps = [answers | {criterion: value} for value in TOWARDS_DJANGO[criterion]]
    for before, after in itertools.pairwise(steps):
        assert lead(before) <= lead(after), (criterion, before[criterion], after[criterion], answers)
    results = [decide(step)["recommended"] for step in steps]
    ranks = [RANK[result] for result in results if result != "neither"]
    assert ranks == sorted(ranks), (criterion, results, answers)


def test_the_order_names_every_value() -> None:
    assert {name: set(values) for name, values in TOWARDS_DJANGO.items()} == {
        name: set(values) for name, values in VALUES.items()
    }


@pytest.mark.parametrize("criterion", VALUES)
def test_every_criterion_counts(criterion: str) -> None:
    first, *_, last = TOWARDS_DJANGO[criterion]
    assert lead(answers_for("web_app") | {criterion: first}) < lead(answers_for("web_app") | {criterion: last})


@pytest.mark.parametrize("criterion", VALUES)
def test_no_answer_argues_backwards_beside_any_other(criterion: str) -> None:
    """Every pair of answers, for the product that the articles disagree about."""
    for other in VALUES:
        for value in VALUES[other] if other != criterion else []:
            assert_never_backwards(answers_for("rest_api") | {other: value}, criterion)


def test_no_exception_argues_backwards() -> None:
    """Every combination of the criteria whose weights depend on each other."""
    exceptions = [(name, weight["unless"]) for name, _, weight in weights() if "unless" in weight]
    depending = sorted({name for name, _ in exceptions} | {unless["criterion"] for _, unless in exceptions})
    assert depending == ["concurrency", "deadline", "rendering", "workload"]
    for values in itertools.product(*(VALUES[name] for name in depending)):
        answers = answers_for("rest_api", **dict(zip(depending, values, strict=True)))
        for criterion in depending:
            assert_never_backwards(answers, criterion)


@given(answers=every_answer, criterion=st.sampled_from(list(VALUES)))
@quick
def test_no_answer_argues_backwards_anywhere(answers: Answers, criterion: str) -> None:
    assert_never_backwards(answers, criterion)


@given(answers=every_answer)
@quick
def test_the_result_follows_from_the_points(answers: Answers) -> None:
    decision = decide(answers)
    for framework in ("django", "fastapi"):
        assert decision["scores"][framework] == sum(reason[framework] for reason in decision["reasons"])
    assert {reason["criterion"]: reason["answer"] for reason in decision["reasons"]} == answers
    if answers["product"] in {"script", "pipeline"} or answers["team"] == "no_python":
        assert decision["recommended"] == "neither"
        assert decision["alternative"]["name"]
        assert decision["alternative"]["why"]
    else:
        assert decision["recommended"] == ("fastapi" if lead(answers) < 0 else "django")
        assert decision["alternative"] is None


@given(answers=every_answer)
@settings(quick, max_examples=15)
def test_flips_are_exactly_the_answers_that_turn_the_result(answers: Answers) -> None:
    decision = decide(answers)
    turning = [
        {"criterion": name, "from": answers[name], "to": value}
        for name, values in VALUES.items()
        for value in values
        if decide(answers | {name: value})["recommended"] not in {decision["recommended"], "neither"}
    ]
    assert decision["flips"] == turning
    assert decision["close"] is bool(turning)


def test_two_reasons_for_neither_leave_no_single_way_out() -> None:
    assert decide(answers_for("script", team="no_python"))["flips"] == []
    assert {flip["criterion"] for flip in decide(answers_for("script"))["flips"]} == {"product"}
    assert {flip["criterion"] for flip in decide(answers_for("cms", team="no_python"))["flips"]} == {"team"}


def test_a_tie_goes_to_the_framework_that_criteria_yml_names() -> None:
    tie = answers_for("data_platform") | {"product": "microservice", "api_docs": "none"}
    assert lead(tie) == 0
    assert decide(tie)["recommended"] == CRITERIA["tie_break"] == "django"


@pytest.mark.parametrize("product", WEB_PRODUCTS)
def test_computing_makes_high_concurrency_worth_nothing(product: str) -> None:
    for workload in VALUES["workload"]:
        answers = answers_for(product, workload=workload)
        lost = lead(answers | {"concurrency": "moderate"}) - lead(answers | {"concurrency": "high"})
        assert (lost == 0) if workload == "cpu" else (lost > 0)


@pytest.mark.parametrize("product", WEB_PRODUCTS)
def test_a_tight_deadline_favours_django_unless_it_is_an_api_alone(product: str) -> None:
    for rendering in VALUES["rendering"]:
        normal = answers_for(product, rendering=rendering, deadline="normal")
        gained = lead(normal | {"deadline": "tight"}) - lead(normal)
        assert (gained == 0) if rendering == "api" else (gained > 0)


def test_warnings_are_those_of_the_framework_that_is_built() -> None:
    answers = answers_for("internal_tool", existing="django")
    recommended = decide(answers)["know_before"]
    assert decide(answers | {"framework": "django"})["know_before"] == recommended
    overridden = decide(answers | {"framework": "fastapi"})
    assert any("Do not use Django's ORM in FastAPI" in warning for warning in overridden["know_before"])
    assert not set(recommended) & set(overridden["know_before"])
    assert overridden["recommended"] == "django"
    assert decide(answers_for("script"))["know_before"] == []
