"""Properties of all answers: evidence never argues backwards, and the named changes do change the result.

The values of each criterion have an order from FastAPI to Django (`TOWARDS_DJANGO`). Moving one answer along it, with
any other answers, never lowers Django's lead, and so never changes the result to FastAPI.
"""

import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.decision.engine import (
    CHOICES,
    CRITERIA,
    EXCEPTIONS,
    LEADS,
    RULES,
    VALUES,
    WEB_PRODUCTS,
    Answer,
    Answers,
    answers_for,
    asked,
    decide,
    lead,
    recommended,
)

TOWARDS_DJANGO: dict[str, list[Answer]] = {
    "product": [
        "microservice", "ml_serving", "realtime", "client_backend", "serverless", "rest_api",
        "script", "pipeline", "static_site", "event_consumer",  # no points: a separate rule decides
        "data_platform", "internal_tool", "ecommerce", "cms", "web_app",
    ],
    "also": ["realtime", "ml_serving", "client_backend", "none", "internal_tool", "web_app"],
    "existing": ["fastapi", "nothing", "python", "other", "django"],
    "existing_role": ["beside", "replaces"],  # with Django; with FastAPI, the other way round
    "team": ["async_python", "no_python", "python", "beginner", "django"],
    "team_size": ["solo", "small", "large"],
    "admin_panel": ["none", "useful", "essential"],
    "rendering": ["api", "both", "server"],
    "accounts": ["none", "basic", "full"],
    "workload": ["external_io", "mixed", "database", "cpu"],
    "concurrency": ["high", "moderate", "low"],
    "live_connections": [True, False],
    "api_docs": ["essential", "useful", "none"],
    "deadline": ["normal", "tight"],
    "horizon": ["small_service", "product", "enterprise"],
    "flexibility": ["own_components", "either", "conventions"],
    "storage": ["none", "shared", "own"],
    "background": ["none", "some", "essential"],
    "asgi_operations": ["ready", "not_ready"],
}  # fmt: skip

every_answer = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}).map(asked)
quick = settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def order(criterion: str, answers: Answers) -> list[Answer]:
    values = TOWARDS_DJANGO[criterion]
    return values[::-1] if criterion == "existing_role" and answers["existing"] == "fastapi" else values


def every(names: list[str]) -> Iterator[Answers]:
    """Every combination of these criteria."""
    for values in itertools.product(*(VALUES[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def test_the_order_names_every_value() -> None:
    assert {name: set(values) for name, values in TOWARDS_DJANGO.items()} == {
        name: set(values) for name, values in VALUES.items()
    }


@given(answers=every_answer)
@quick
def test_the_rules_in_python_are_those_in_jinja(answers: Answers) -> None:
    """What the other tests prove with the rules in Python holds for the decision that users get."""
    decision = decide(answers)
    assert decision["scores"]["django"] - decision["scores"]["fastapi"] == lead(answers)
    assert decision["recommended"] == recommended(answers)


@pytest.mark.parametrize("criterion", [name for name in VALUES if name != "existing_role"])
def test_every_criterion_counts(criterion: str) -> None:
    first, *_, last = TOWARDS_DJANGO[criterion]
    assert lead(answers_for("web_app") | {criterion: first}) < lead(answers_for("web_app") | {criterion: last})


def test_the_future_of_existing_code_counts() -> None:
    for framework in ("django", "fastapi"):
        answers = answers_for("rest_api", existing=framework)
        assert abs(lead(answers | {"existing_role": "beside"})) < abs(lead(answers | {"existing_role": "replaces"}))


def test_no_answer_argues_backwards() -> None:
    """For all answers: points are a sum, so only criteria whose points depend on others need every combination."""
    exceptions = [(name, set(conditions)) for (name, _), (conditions, _) in EXCEPTIONS.items()]
    depending = sorted({name for name, others in exceptions for name in (name, *others)})
    assert depending == [
        "admin_panel", "concurrency", "deadline", "existing", "existing_role", "rendering", "workload"
    ]  # fmt: skip
    for answers in every(depending):
        for criterion in depending:
            steps = [lead(answers | {criterion: value}) for value in order(criterion, answers)]
            assert steps == sorted(steps), (criterion, answers)
    for criterion in set(VALUES) - set(depending):
        steps = [LEADS[criterion, value] for value in TOWARDS_DJANGO[criterion]]
        assert steps == sorted(steps), criterion


@given(answers=every_answer)
@quick
def test_the_result_follows_from_the_points(answers: Answers) -> None:
    decision = decide(answers)
    for framework in ("django", "fastapi"):
        assert decision["scores"][framework] == sum(reason[framework] for reason in decision["reasons"])
    assert {reason["criterion"]: reason["answer"] for reason in decision["reasons"]} == answers
    no_traffic = answers["product"] in {"script", "pipeline", "static_site", "event_consumer"}
    no_python = answers["team"] == "no_python" and answers["existing"] in {"nothing", "other"}
    if no_traffic or no_python:
        assert decision["recommended"] == "neither"
        assert decision["alternative"]["name"]
        assert decision["alternative"]["why"]
        assert decision["certainty"] is None
    else:
        assert decision["recommended"] == ("fastapi" if lead(answers) < 0 else "django")
        assert decision["alternative"] is None
        assert decision["certainty"]["level"] in {"close", "clear", "firm"}


# --- What would change the result ----------------------------------------------------------------------------------


def certain(answers: Answers, product: Answer) -> bool:
    """Whether another product changes the result, whichever answers that follow from the product change with it."""
    became = recommended(answers | {"product": product})
    if "neither" in (became, recommended(answers)):
        return True
    sign = 1 if became == "django" else -1
    total = sign * LEADS["product", product]
    for name, answer in answers.items():
        if name != "product":
            values = [answer]
            if answer == CRITERIA["defaults"][answers["product"]][name]:
                values.append(CRITERIA["defaults"][product][name])
            leads = [LEADS[name, value] for value in values]
            leads += [EXCEPTIONS[name, value][1] for value in values if (name, value) in EXCEPTIONS]
            total += min(sign * each for each in leads)
    return (total > 0 or (total == 0 and CRITERIA["tie_break"] == became)) if sign else False


def twin(name: str, answers: Answers) -> Answer | None:
    """The other kind of service, which cannot be named twice."""
    return answers.get({"also": "product", "product": "also"}.get(name, ""))


def flips(answers: Answers) -> list[tuple[str, Answer]]:
    result = recommended(answers)
    return [
        (name, value)
        for name, answer in answers.items()
        for value in VALUES[name]
        if value not in {answer, twin(name, answers)}
        and recommended(answers | {name: value}) != result
        and (name != "product" or certain(answers, value))
    ]


def test_a_second_kind_of_service_is_another_one() -> None:
    answers = answers_for("client_backend", team="django", admin_panel="useful")
    assert recommended(answers) != recommended(answers | {"also": "client_backend"})
    assert "also" not in {flip["criterion"] for flip in decide(answers)["flips"] if flip["to"] == "client_backend"}


@given(answers=every_answer)
@settings(quick, max_examples=60)
def test_flips_are_the_answers_that_change_the_result(answers: Answers) -> None:
    decision = decide(answers)
    assert {(flip["criterion"], flip["to"]) for flip in decision["flips"]} == set(flips(answers))
    for flip in decision["flips"]:
        changed = answers | {flip["criterion"]: flip["to"]}
        assert flip["from"] == answers[flip["criterion"]]
        assert flip["becomes"] == recommended(changed) != decision["recommended"]
        assert flip["kind"] == ("choice" if flip["criterion"] in CHOICES else "fact")


def through_the_command(given_answers: Answers) -> Answers:
    """All answers if a user gives only some."""
    return answers_for(str(given_answers["product"]), **{k: v for k, v in given_answers.items() if k != "product"})


@pytest.mark.parametrize("product", VALUES["product"])
def test_every_flip_flips_through_the_command(product: str) -> None:
    """By brute force, for every product with any two other answers given.

    Answers that are not given follow from the product, so that another product changes them too.
    """
    for names in [(), *itertools.combinations([name for name in VALUES if name != "product"], 2)]:
        for some in every(list(names)):
            chosen: Answers = {"product": product, **some}
            answers = through_the_command(chosen)
            if not set(some) <= set(answers):  # a question that is not asked
                continue
            result = recommended(answers)
            for name, value in flips(answers):
                assert recommended(through_the_command(chosen | {name: value})) != result, (chosen, name, value)


@given(answers=every_answer, seed=st.integers(0, 2**32))
@settings(quick, max_examples=300)
def test_a_product_flips_whatever_follows_from_it(answers: Answers, seed: int) -> None:
    """Also if a user has given many answers, which may equal their defaults or not."""
    result, before = recommended(answers), CRITERIA["defaults"][answers["product"]]
    for name, product in flips(answers):
        if name == "product":
            after = CRITERIA["defaults"][product]
            following = [each for each in answers if each in before and answers[each] == before[each]]
            chance = random.Random(seed)  # noqa: S311
            for share in (0.0, 0.2, 0.5, 0.8, 1.0):
                new = {each: after[each] for each in following if chance.random() < share}
                assert recommended(asked(answers | {"product": product} | new)) != result


@given(answers=every_answer)
@settings(quick, max_examples=60)
def test_the_named_changes_are_the_fewest_that_reverse_the_result(answers: Answers) -> None:
    """By brute force over all choices with all their values."""
    decision = decide(answers)
    if decision["certainty"] is None:
        return
    changes = decision["certainty"]["changes"]
    other = {"django": "fastapi", "fastapi": "django"}[decision["recommended"]]
    if changes:
        assert recommended(answers | {change["criterion"]: change["to"] for change in changes}) == other
    fewer = len(changes) - 1 if changes else 3
    for size in range(1, fewer + 1):
        for names in itertools.combinations(CHOICES, size):
            for values in every(list(names)):
                assert recommended(answers | values) != other, values
    assert decision["certainty"]["level"] == {1: "close", 2: "clear"}.get(len(changes), "firm")
    assert decision["close"] is (len(changes) == 1)


def test_two_reasons_for_neither_leave_no_single_way_out() -> None:
    assert decide(answers_for("script", team="no_python"))["flips"] == []
    assert {flip["criterion"] for flip in decide(answers_for("script"))["flips"]} == {"product"}
    ways_out = {flip["criterion"] for flip in decide(answers_for("cms", team="no_python"))["flips"]}
    assert ways_out == {"team", "existing"}


# --- Single rules ---------------------------------------------------------------------------------------------------


def test_python_that_runs_already_is_looked_after() -> None:
    """Somebody who writes no Python day to day is not told to leave a service in Python that works."""
    for existing in ("django", "fastapi"):
        assert decide(answers_for("rest_api", team="no_python", existing=existing))["recommended"] == existing
    assert decide(answers_for("rest_api", team="no_python", existing="other"))["recommended"] == "neither"


def test_a_tie_goes_to_the_framework_that_criteria_yml_names() -> None:
    tie = answers_for("rest_api", accounts="full", flexibility="conventions")
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
    for answers in every(["rendering", "admin_panel"]):
        normal = answers_for(product, **answers, deadline="normal")
        gained = lead(normal | {"deadline": "tight"}) - lead(normal)
        alone = answers["rendering"] == "api" and answers["admin_panel"] != "essential"
        assert (gained == 0) if alone else (gained > 0)


def test_warnings_are_those_of_the_framework_that_is_built() -> None:
    answers = answers_for("internal_tool", existing="django")
    accepted = decide(answers)["know_before"]
    assert decide(answers | {"framework": "django"})["know_before"] == accepted
    overridden = decide(answers | {"framework": "fastapi"})
    assert any("Do not use Django's ORM in FastAPI" in warning for warning in overridden["know_before"])
    assert not set(accepted) & set(overridden["know_before"])
    assert overridden["recommended"] == "django"
    assert decide(answers_for("script"))["know_before"] == []


def test_the_rules_for_neither_name_criteria_that_are_asked_first() -> None:
    """So that it can be said early that nothing is left to decide."""
    assert {name for name, _, _ in RULES} <= set(list(VALUES)[:5])


@given(answers=every_answer)
@settings(quick, max_examples=60)
def test_better_advice_and_third_ways_fit_the_result(answers: Answers) -> None:
    decision = decide(answers)
    fitting = [
        entry
        for entry in CRITERIA["advice"]
        if decision["recommended"] in entry["recommended"]
        and all(answers.get(name) in values for name, values in entry["answers"].items())
    ]
    assert (decision["advice"] or {}).get("what") == (fitting[0]["what"] if fitting else None)
    if decision["recommended"] == "neither":
        assert decision["third_ways"] == []
        assert decision["cost_of_change"] is None
    else:
        assert decision["cost_of_change"] == CRITERIA["costs"][answers["horizon"]]
