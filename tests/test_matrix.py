"""The matrix: every possible pair of answers is in a row, and only possible ones are."""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.matrix import Model, Row, model, title
from tests.test_names import JINJA
from tests.tools import FRAMEWORKS, ROOT, run

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


def test_every_possible_pair_is_in_a_row_and_no_other() -> None:
    """By brute force, from the validators and not from the model's constraints."""
    today = model()
    every = list(possible(today.asked, today.values, {}))
    rows = today.rows()
    assert pairs(rows) == pairs(every)
    assert all(row in map(hashable, every) for row in map(hashable, rows))
    assert len({title(row) for row in rows}) == len(rows)


def test_impossible_pairs_are_known() -> None:
    """A new line is a decision."""
    today = model()
    every = {
        frozenset(pair)
        for one, two in itertools.combinations(today.values, 2)
        for pair in itertools.product([(one, v) for v in today.values[one]], [(two, v) for v in today.values[two]])
        if (one, None) not in pair and (two, None) not in pair
    }
    assert every - pairs(today.rows()) == {
        frozenset({("framework", "fastapi"), ("server", "gunicorn")}),
        frozenset({("framework", "fastapi"), ("server", "granian")}),
    }


def test_the_first_rows_are_the_default_answers() -> None:
    first = model().rows()[: len(FRAMEWORKS)]
    assert [row["framework"] for row in first] == list(FRAMEWORKS)
    assert first[0] | {"framework": None} == {
        "framework": None, "licence": "proprietary", "server": "gunicorn", "target": ["compose"], "ci": "github"
    }  # fmt: skip


def test_it_is_the_same_each_time() -> None:
    """Rows have names in reports."""
    command = (sys.executable, "-m", "tests.matrix")
    printed = {run(*command, cwd=ROOT, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")}
    assert printed == {"".join(f"{title(row)}\n" for row in model().rows())}


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
