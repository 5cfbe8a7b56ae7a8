"""Properties of all answers: evidence never argues backwards, and the named changes do change the result.

The values of each criterion have an order from FastAPI to Django (`TOWARDS_DJANGO`). Moving one answer along it, with
any other answers, never lowers Django's lead, and so never changes the result to FastAPI.
"""

import functools
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.decision.engine import (
    CHOICES,
    CRITERIA,
    ENVIRONMENT,
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

# Random answers that several tests share, because a decision in Jinja takes 20 ms.
CHANCE = random.Random(12)  # noqa: S311
SOME = [asked({name: CHANCE.choice(values) for name, values in VALUES.items()}) for _ in range(100)]

every_answer = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}).map(asked)
quick = settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def order(criterion: str, answers: Answers) -> list[Answer]:
    values = TOWARDS_DJANGO[criterion]
    return values[::-1] if criterion == "existing_role" and answers["existing"] == "fastapi" else values


def grouped() -> list[list[str]]:
    """The criteria in groups: those whose points depend on each other are in one group."""
    groups = [{name} for name in VALUES]
    for (name, _), (conditions, _) in EXCEPTIONS.items():
        joined = {name, *conditions}
        joined = joined.union(*(group for group in groups if group & joined))
        groups = [group for group in groups if not group & joined] + [joined]
    return [[name for name in VALUES if name in group] for group in groups]


GROUPS = grouped()


def every(names: list[str]) -> Iterator[Answers]:
    """Every combination of these criteria."""
    for values in itertools.product(*(VALUES[name] for name in names)):
        yield dict(zip(names, values, strict=True))


@functools.cache
def _group_lead(answers: tuple[tuple[str, Answer], ...]) -> int:
    return lead(dict(answers))


def group_lead(answers: Answers) -> int:
    return _group_lead(tuple(answers.items()))


def test_the_order_names_every_value() -> None:
    assert {name: set(values) for name, values in TOWARDS_DJANGO.items()} == {
        name: set(values) for name, values in VALUES.items()
    }


def test_the_rules_in_python_are_those_in_jinja() -> None:
    """What the other tests prove with the rules in Python holds for the decision that users get."""
    for answers in SOME:
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
    """For all answers: points are a sum over `GROUPS`, so the other groups never matter.

    A second kind of service that is the same as the first is no evidence, so it has no place in the order.
    """
    for group in GROUPS:
        for answers in every(group):
            for criterion in group:
                steps = [
                    group_lead(changed)
                    for value in order(criterion, answers)
                    if (changed := answers | {criterion: value}).get("also") != changed.get("product", "nothing")
                ]
                assert steps == sorted(steps), (criterion, answers)


def test_a_second_kind_that_repeats_the_first_has_no_points() -> None:
    for kind in set(VALUES["also"]) - {"none"}:
        decision, alone = (decide(answers_for(str(kind), also=also)) for also in (kind, "none"))
        assert decision["scores"] == alone["scores"]
        assert decision["certainty"] == alone["certainty"]


def test_the_result_follows_from_the_points() -> None:
    for answers in SOME:
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
    became = recommended(changed_alone(answers, "product", product))
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


def changed_alone(answers: Answers, name: str, value: Answer) -> Answers:
    """The answers with another one; answers that follow from the product follow another product."""
    changed = answers | {name: value}
    if name == "product":
        before, after = CRITERIA["defaults"][answers["product"]], CRITERIA["defaults"][value]
        changed |= {each: after[each] for each in after if each in answers and answers[each] == before[each]}
    return changed


def twin(name: str, answers: Answers) -> Answer | None:
    """The other kind of service, which cannot be named twice."""
    return answers.get({"also": "product", "product": "also"}.get(name, ""))


def flips(answers: Answers) -> dict[tuple[str, Answer], str]:
    result = recommended(answers)
    return {
        (name, value): becomes
        for name, answer in answers.items()
        for value in VALUES[name]
        if value not in {answer, twin(name, answers)}
        and (becomes := recommended(changed_alone(answers, name, value))) != result
        and (name != "product" or certain(answers, value))
    }


def test_flips_are_the_answers_that_change_the_result() -> None:
    for answers in SOME:
        decision = decide(answers)
        assert {(flip["criterion"], flip["to"]): flip["becomes"] for flip in decision["flips"]} == flips(answers)
        for flip in decision["flips"]:
            assert flip["from"] == answers[flip["criterion"]]
            assert flip["becomes"] != decision["recommended"]
            assert flip["kind"] == ("choice" if flip["criterion"] in CHOICES else "fact")


def through_the_command(given_answers: Answers) -> Answers:
    """All answers if a user gives only some."""
    return answers_for(str(given_answers["product"]), **{k: v for k, v in given_answers.items() if k != "product"})


@pytest.mark.parametrize("product", VALUES["product"])
def test_every_flip_flips_through_the_command(product: str) -> None:
    """By brute force, for every product with any two other answers given.

    Answers that are not given follow from the product, so that another product changes them too. If the result is
    `neither`, and the user has given an answer that equals its default, the template cannot know that it does not
    follow: the result changes, but the other framework may be the better one.
    """
    for names in [(), *itertools.combinations([name for name in VALUES if name != "product"], 2)]:
        for some in every(list(names)):
            chosen: Answers = {"product": product, **some}
            answers = through_the_command(chosen)
            if not set(some) <= set(answers):  # a question that is not asked
                continue
            result = recommended(answers)
            for (name, value), becomes in flips(answers).items():
                became = recommended(through_the_command(chosen | {name: value}))
                if result == "neither" and any(CRITERIA["defaults"][product][each] == some[each] for each in some):
                    assert became != result, (chosen, name, value)
                else:
                    assert became == becomes, (chosen, name, value)


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


CHOICE_GROUPS = [group for group in GROUPS if set(group) <= set(CHOICES)]


def most_gained(group: list[str], answers: Answers, sign: int) -> list[int]:
    """The most points that at most 0, 1, 2 and 3 changed answers of a group can add in one direction."""
    own = {name: answers[name] for name in group}
    most = [0, 0, 0, 0]
    for changed in every(group):
        size = sum(changed[name] != own[name] for name in group)
        for limit in range(size, 4):
            most[limit] = max(most[limit], sign * (group_lead(changed) - group_lead(own)))
    return most


def fewest(answers: Answers) -> int:
    """The smallest number of choices, three at most, that reverse the result; 0 if there is none.

    Exact for any answers: the best use of so many changes is the best way to share them among the groups.
    """
    sign = -1 if recommended(answers) == "django" else 1
    total = [0, 0, 0, 0]
    for group in CHOICE_GROUPS:
        most = most_gained(group, answers, sign)
        total = [max(total[size - own] + most[own] for own in range(size + 1)) for size in range(4)]
    return next((size for size in (1, 2, 3) if reverses(lead(answers), sign, total[size])), 0)


def reverses(points: int, sign: int, gain: int) -> bool:
    tie = {"django": 1, "fastapi": -1}[CRITERIA["tie_break"]]
    return bool((points + sign * gain or tie) * sign > 0)


def test_the_named_changes_are_the_fewest_that_reverse_the_result() -> None:
    for answers in SOME:
        decision = decide(answers)
        if decision["certainty"] is None:
            continue
        changes = decision["certainty"]["changes"]
        other = {"django": "fastapi", "fastapi": "django"}[decision["recommended"]]
        assert len(changes) == fewest(answers)
        if changes:
            assert recommended(answers | {change["criterion"]: change["to"] for change in changes}) == other
        assert decision["certainty"]["level"] == {1: "close", 2: "clear"}.get(len(changes), "firm")
        assert decision["close"] is (len(changes) == 1)


@pytest.mark.parametrize("answers", [each for each in SOME if recommended(each) != "neither"][:5])
def test_the_fewest_changes_are_those_of_brute_force(answers: Answers) -> None:
    other = {"django": "fastapi", "fastapi": "django"}[recommended(answers)]
    sizes = [
        size
        for size in (1, 2, 3)
        for names in itertools.combinations(CHOICES, size)
        if any(recommended(answers | values) == other for values in every(list(names)))
    ]
    assert fewest(answers) == min(sizes, default=0)


FIRM = {  # answers that no other answers of one group reverse
    "django": answers_for("web_app", existing="django"),
    "fastapi": answers_for("microservice", existing="fastapi"),
}


@pytest.mark.parametrize("framework", FIRM)
@pytest.mark.parametrize("group", CHOICE_GROUPS, ids=" ".join)
def test_the_search_for_the_fewest_changes_misses_none(group: list[str], framework: str) -> None:
    """A proof for all 10^9 answers, without trying each.

    Points are a sum over groups of criteria, and no group has both facts and choices. So the points that a set of
    changes adds are the sum of what it adds in each group, which depends only on the answers in this group. The
    template's search tries every set of up to three `candidates`, one answer for a criterion, smaller sets first. It
    leaves out a size if the greatest gains and the `slack` are less than the points `needed`. The tests show for every
    combination of answers in each group, with the variables of the template itself:

    1. With so many changes, no answers of the group add more than the candidates alone. So if any choices reverse the
       result, as many candidates do.
    2. No set of candidates adds more than the sum of their gains and the group's slack, nor is any slack negative. So
       the search leaves out no size that would succeed.
    3. The points needed are the fewest that reverse the result.
    """
    sign = -1 if framework == "django" else 1
    for own in every(group):
        answers = FIRM[framework] | own
        template = ENVIRONMENT.get_template("extensions/decision.jinja")
        search: Any = template.make_module({"_copier_answers": answers})
        assert search.recommended == framework
        assert reverses(lead(answers), sign, search.needed)
        assert not reverses(lead(answers), sign, search.needed - 1)

        slack = dict(zip(CHOICES, search.slack, strict=True))
        assert min(slack.values()) >= 0
        candidates = {each["criterion"]: each for each in search.candidates if each["criterion"] in group}
        most = [0, 0, 0, 0]
        for size in range(len(candidates) + 1):
            for names in itertools.combinations(candidates, size):
                changed = own | {name: candidates[name]["to"] for name in names}
                gained = sign * (group_lead(changed) - group_lead(own))
                assert gained <= sum(candidates[name]["gain"] for name in names) + sum(slack[name] for name in group)
                for limit in range(size, 4):
                    most[limit] = max(most[limit], gained)
        assert most == most_gained(group, answers, sign)


def test_facts_and_choices_do_not_depend_on_each_other() -> None:
    """Otherwise the proof above has a gap."""
    assert sorted(name for group in CHOICE_GROUPS for name in group) == sorted(CHOICES)
    assert set(CHOICES) & {name for name, _, unless in RULES for name in (name, *unless)} == {"team"}
    assert {name for name, _, _ in RULES} == {"team", "product"}
    candidates = {"team": {-1: "async_python", 1: "django"}}
    for sign, value in candidates["team"].items():
        assert max(VALUES["team"], key=lambda each: sign * LEADS["team", each]) == value  # never `no_python`


def test_a_tie_is_enough_for_the_framework_that_wins_ties() -> None:
    answers = answers_for("client_backend", background="essential")
    decision = decide(answers)
    assert (decision["recommended"], lead(answers)) == ("fastapi", -6)
    for change in decision["certainty"]["changes"]:
        assert lead(answers | {change["criterion"]: change["to"]}) == 0
    assert decision["close"]


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


@pytest.mark.parametrize(("existing", "framework"), [("django", "fastapi"), ("fastapi", "django")])
def test_code_that_stays_has_no_price_of_leaving(existing: str, framework: str) -> None:
    def warnings(role: str) -> str:
        answers = answers_for("rest_api", existing=existing, existing_role=role)
        return "\n".join(decide(answers | {"framework": framework})["know_before"])

    for words in ("leave Django", "for leaving Django"):
        assert (words in warnings("replaces")) is (framework == "fastapi" or words == "for leaving Django")
        assert words not in warnings("beside")
    assert ("Django's ORM in FastAPI" in warnings("beside")) is (framework == "fastapi")


def test_the_rules_for_neither_name_criteria_that_are_asked_first() -> None:
    """So that it can be said early that nothing is left to decide."""
    assert {name for name, _, _ in RULES} <= set(list(VALUES)[:5])


def test_better_advice_and_third_ways_fit_the_result() -> None:
    for answers in SOME:
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
