"""The matrix: every possible pair of answers is in a row, and only possible ones are."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rows import QUESTIONS, simulated
from groundplan.template import fetched, resolve
from tests.matrix import FILE, Model, Row, described, has, model, title
from tests.test_names import JINJA
from tests.tools import FRAMEWORKS, OPTIONS, QUESTIONNAIRE

Pair = frozenset[tuple[str, Any]]


def hashable(row: Row) -> Row:
    return {name: tuple(answer) if isinstance(answer, list) else answer for name, answer in row.items()}


def pairs(rows: list[Row]) -> set[Pair]:
    return {frozenset(pair) for row in rows for pair in itertools.combinations(hashable(row).items(), 2)}


def possible(asked: dict[str, Any], values: dict[str, list[Any]], row: Row) -> Iterator[Row]:
    """All ways to answer the questions, as Copier asks them: one after the other, with their `when` and `validator`."""
    names = [name for name in asked if name not in row]
    if not names:
        yield {name: answer for name, answer in row.items() if answer is not None}
        return
    name = names[0]
    question = asked[name]
    if JINJA.from_string(question.get("when", "true")).render(row).lower() != "true":
        yield from possible(asked, values, row | {name: None})
        return
    given = {earlier: answer for earlier, answer in row.items() if answer is not None}
    for value in values[name]:
        if value is None:
            continue
        context = given | {name: value, "_copier_answers": given | {name: value}}
        if JINJA.from_string(question.get("validator", "")).render(context) == "":
            yield from possible(asked, values, row | {name: value})


def missing(made: Model, rows: list[Row]) -> Iterator[Row]:
    """The pairs of answers that are in no row, although all other questions could be answered."""
    found = pairs(rows)
    for one, two in itertools.combinations(made.values, 2):
        for answers in itertools.product(made.values[one], made.values[two]):
            pair = {one: answers[0], two: answers[1]}
            if None not in answers and frozenset(pair.items()) not in found and made.completes(pair):
                yield pair


def unused(made: Model, rows: list[Row]) -> set[tuple[str, Any]]:
    """The answers that are in no row."""
    every = {(name, answer) for name, answers in made.values.items() for answer in answers if answer is not None}
    return every - {answer for row in rows for answer in hashable(row).items()}


def test_every_possible_pair_is_in_a_row() -> None:
    rows = model().rows()
    assert list(missing(model(), rows)) == []
    assert unused(model(), rows) == set()
    assert len({title(row) for row in rows}) == len(rows)


def test_every_possible_pair_of_a_dozen_options_is_in_a_row() -> None:
    """Simulated ones, which have too many combinations to list."""
    simulation = simulated(model().asked | QUESTIONS)
    rows = simulation.computed(tries=1)
    assert list(missing(simulation, rows)) == []
    assert unused(simulation, rows) == set()
    assert list(missing(simulation, [row for row in rows if row.get("tasks") != "celery"]))


def test_every_row_is_possible() -> None:
    """By the questions' own conditions and validators, not by the model's constraints."""
    for row in map(hashable, model().rows()):
        assert list(possible(model().asked, {name: [row.get(name)] for name in model().asked}, {})) == [row]


def test_the_model_excludes_what_the_validators_refuse() -> None:
    always_asked = {name: {**asked, "when": "true"} for name, asked in model().asked.items()}
    exclusions = Model(always_asked, OPTIONS["options"])
    for earlier, later in itertools.combinations(OPTIONS["options"], 2):
        validator = JINJA.from_string(always_asked[later]["validator"])
        for answers in itertools.product(exclusions.values[earlier], exclusions.values[later]):
            row = {earlier: answers[0], later: answers[1]}
            if required_questions(row) <= row.keys():
                assert (validator.render(row, _copier_answers=row) == "") is exclusions.allows(row), row


def required_questions(row: Row) -> set[str]:
    """The questions of options that the row's options require."""
    places = {name: question for name, question, *_ in described(OPTIONS["options"])}
    facts = (fact for _, *option, fact in described(OPTIONS["options"]) if has(row, *option))
    return {places[name] for fact in facts for name in fact.get("requires", ())}


def test_the_first_rows_are_the_default_answers(template: Path) -> None:
    """Those that Copier takes, apart from the defaults that depend on the criteria."""
    with fetched(resolve(str(template), None)) as questions:
        for framework, row in zip(FRAMEWORKS, model().rows(), strict=False):
            defaults = questions.decide({"framework": framework})
            fixed = {
                name for name, asked in model().asked.items() if name == "framework" or "{" not in str(asked["default"])
            }
            fixed -= {name for name, entries in OPTIONS["defaults"].items() if len(entries) > 1}
            asked = {name: defaults.answers[name] for name in fixed - defaults.unasked}
            assert {name: answer for name, answer in row.items() if name in fixed} == asked


@pytest.mark.parametrize("row", model().rows(), ids=title)
def test_python_and_jinja_give_options_the_same_names(row: Row) -> None:
    """`has` in copier.yml."""
    rendered = json.loads(JINJA.from_string(QUESTIONNAIRE["has"]["default"]).render(_copier_answers=row))
    names = {name: option for name, *option, _ in described(OPTIONS["options"])}
    assert rendered.keys() == names.keys() | OPTIONS["combinations"].keys()
    assert {name for name in names if rendered[name]} == {name for name in names if has(row, *names[name])}


def test_the_file_has_the_rows_of_this_version() -> None:
    """If not, `python -m tests.matrix` writes it again."""
    assert json.loads(FILE.read_text())["model"] == model().digest()


@st.composite
def questionnaires(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Questions that depend on earlier ones, and options that exclude each other."""
    asked: dict[str, Any] = {}
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["yes", "one", "several"]), min_size=2, max_size=4))):
        choices = {
            "choices": [f"{letter}{number}" for letter in "abc"],
            "type": "str",
            "multiselect": kind == "several",
        }
        question: dict[str, Any] = {"type": "bool"} if kind == "yes" else choices
        # "": asked always
        other = draw(
            st.sampled_from(["", *(name for name, earlier in asked.items() if not earlier.get("multiselect"))])
        )
        if other:
            value = draw(st.sampled_from(asked[other].get("choices", [True])))
            question["when"] = f"{{{{ {other} == {value!r} }}}}"
        asked[f"question{number}"] = question
    names = {
        value if "choices" in question else name: (name, value)
        for name, question in asked.items()
        for value in question.get("choices", [True])
    }
    facts: dict[str, Any] = {name: {} for name in asked}
    for name, value in names.values():
        facts[name][value] = {"excludes": {}}
    for one, two in draw(st.lists(st.tuples(*[st.sampled_from(sorted(names))] * 2), max_size=5)):
        (name, value), (other, _) = names[one], names[two]
        if name != other:
            facts[name][value]["excludes"][two] = "why"
    return asked, facts


@settings(max_examples=40)
@given(questionnaires())
def test_it_holds_for_any_questionnaire(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    asked, facts = drawn
    made = Model(asked, facts)

    def excluded(row: Row) -> bool:
        chosen = {
            name if answer is True else part
            for name, answer in row.items()
            for part in (answer if isinstance(answer, tuple) else [answer])
        }
        return any(
            chosen >= {question if value is True else value, other}
            for question, answers in facts.items()
            for value, fact in answers.items()
            for other in fact["excludes"]
        )

    every = [row for row in possible(asked, made.values, {}) if not excluded(row)]
    assert pairs(made.rows()) == pairs(every)
