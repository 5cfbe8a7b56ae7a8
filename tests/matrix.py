"""The combinations of answers that are tested: every possible pair of answers occurs in one of these rows.

The questions are those of copier.yml whose answers are options, so neither the criteria nor free text.
"""

import functools
import hashlib
import importlib.metadata
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import covertable
import yaml
from jinja2 import StrictUndefined, meta
from jinja2.sandbox import SandboxedEnvironment

from tests.tools import FRAMEWORKS, ROOT, questionnaire

Row = dict[str, Any]  # answers by question, for Copier; without the questions that are not asked
JINJA = SandboxedEnvironment(undefined=StrictUndefined)
TRIES = 5
FILE = ROOT / "tests" / "rows.json"  # what `python -m tests.matrix` writes


def facts_of(template: Path) -> dict[str, Any]:
    """The facts about options; the earliest versions have none."""
    file = template / "extensions" / "options.yml"
    return dict(yaml.safe_load(file.read_text())) if file.exists() else {"options": {}}


def options(template: Path) -> dict[str, dict[str, Any]]:
    """The questions about options. A default that follows from the criteria is the one that follows from none."""
    defaults = {name: entries[-1]["value"] for name, entries in facts_of(template).get("defaults", {}).items()}
    criteria = yaml.safe_load((template / "extensions" / "criteria.yml").read_text())["criteria"]
    return {
        name: asked | ({"default": defaults[name]} if name in defaults else {})
        for name, asked in questionnaire(template).items()
        if name[0] != "_" and name not in criteria and ("choices" in asked or asked["type"] == "bool")
    }


def choices(question: dict[str, Any]) -> list[Any]:
    """The answers that a question offers."""
    if "choices" not in question:
        return [True, False]
    listed = question["choices"]
    pairs = listed.items() if isinstance(listed, dict) else (c if isinstance(c, list) else (c, c) for c in listed)
    return [value["value"] if isinstance(value, dict) else value for _, value in pairs]


def values(question: dict[str, Any]) -> list[Any]:
    """The possible answers to a question; those to a multiple choice are all its subsets, as tuples."""
    single = choices(question)
    if question.get("multiselect"):
        return [subset for size in range(len(single) + 1) for subset in itertools.combinations(single, size)]
    return single


def described(facts: dict[str, Any]) -> Iterator[tuple[str, str, Any, str | None, dict[str, Any]]]:
    """The name, question, answer, framework and facts of each option in extensions/options.yml.

    The framework is `None` where the facts are the same for both; options.jinja has the same rules.
    """
    for question, answers in facts.items():
        for answer, fact in answers.items():
            for framework, own in fact.items() if "fastapi" in fact else [(None, fact)]:
                yield (
                    own.get("name", question if isinstance(answer, bool) else answer),
                    question,
                    answer,
                    framework,
                    own,
                )


def named(facts: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """The name, question and answer of each option."""
    return [(str(name), question, answer) for name, question, answer, *_ in described(facts)]


class Model:
    """The possible answers, and which of them go together; `None` is the answer to a question that is not asked."""

    def __init__(self, asked: dict[str, dict[str, Any]], facts: dict[str, Any]) -> None:
        """`asked` are the questions as in copier.yml, `facts` the options as in extensions/options.yml."""
        self.asked = asked
        self.facts = facts
        self.values = {name: values(question) for name, question in asked.items()}
        if "framework" in asked:
            self.values["framework"] = list(FRAMEWORKS)  # without `neither`, which writes no project
        self.constraints = [*self._conditions(), *self._exclusions(facts)]
        for name, answers in self.values.items():  # parts of a multiple choice can exclude each other
            self.values[name] = [answer for answer in answers if self.allows({name: answer})]

    def _conditions(self) -> Iterator[dict[str, Any]]:
        """A question has an answer exactly if it is asked."""
        for name, question in self.asked.items():
            if "when" not in question:
                continue
            known = sorted(meta.find_undeclared_variables(JINJA.parse(question["when"])) & self.asked.keys())
            condition = JINJA.from_string(question["when"])
            asked = {
                answers: bool(yaml.safe_load(condition.render(dict(zip(known, answers, strict=True)))))
                for answers in itertools.product(*([*self.values[other]] for other in known))
            }
            if not all(asked.values()):
                self.values[name].append(None)
            yield {
                "operator": "fn",
                "requires": [name, *known],
                "evaluate": lambda row, name=name, known=known, asked=asked: (
                    (row[name] is not None) == asked[tuple(row[other] for other in known)]
                ),
            }

    def _exclusions(self, facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Options that cannot be combined are not, and none is without those that it requires."""
        places = {name: (question, value, framework) for name, question, value, framework, _ in described(facts)}
        for _, question, value, framework, fact in described(facts):
            one = (question, value, framework)
            # tests/test_options.py refuses other names.
            for two in (places[name] for name in fact.get("excludes", ()) if name in places):
                yield {
                    "operator": "fn",
                    "requires": self._read(one, two),
                    "evaluate": lambda row, one=one, two=two: not (has(row, *one) and has(row, *two)),
                }
            for two in (places[name] for name in fact.get("requires", ()) if name in places):
                yield {
                    "operator": "fn",
                    "requires": self._read(one, two),
                    "evaluate": lambda row, one=one, two=two: has(row, *two) or not has(row, *one),
                }

    @staticmethod
    def _read(*options: tuple[str, Any, str | None]) -> list[str]:
        """The questions that decide whether a row has some options."""
        return [
            *dict.fromkeys(read for name, _, framework in options for read in (name, framework and "framework") if read)
        ]

    def allows(self, row: Row) -> bool:
        """Whether the answers, which need not be all, break no constraint."""
        return all(c["evaluate"](row) for c in self.constraints if row.keys() >= set(c["requires"]))

    def completes(self, row: Row) -> bool:
        """Whether answers to some questions, as in `values`, go together with some answers to all others."""
        left = {
            name: [value for value in values if self.allows(row | {name: value})]
            for name, values in self.values.items()
            if name not in row
        }
        if not self.allows(row) or not left:
            return self.allows(row)
        # The question with the fewest answers left first: where there are none, the search ends.
        name = min(left, key=lambda name: len(left[name]))
        return any(self.completes(row | {name: value}) for value in left[name])

    def can_have(self, framework: str, question: str, answer: Any) -> bool:
        """Whether a project of the framework can have an option."""
        rows = [{question: value, "framework": framework} for value in self.values[question]]
        return any(selects(row, question, answer) and self.completes(row) for row in rows)

    def usual(self, framework: str) -> Row:
        """The default answers; the first possible one where the default depends on the criteria."""
        row: Row = {}
        for name, question in self.asked.items():
            default = framework if name == "framework" else question.get("default", "")
            default = tuple(default) if isinstance(default, list) else default
            possible = [value for value in self.values[name] if self.allows(row | {name: value})] or self.values[name]
            row[name] = default if default in possible else possible[0]
        return row

    def rows(self) -> list[Row]:
        """The rows, those of the default answers first.

        They take half a minute, and each worker of a test run needs them: those of this version are in a file.
        """
        kept = json.loads(FILE.read_text())
        rows: list[Row] = kept["rows"] if kept["model"] == self.digest() else self.computed()
        return rows

    def digest(self) -> str:
        """What changes when the rows can."""
        asked = [(name, self.values[name], each.get("when"), each.get("default")) for name, each in self.asked.items()]
        rules = [(*option, fact.get("excludes"), fact.get("requires")) for *option, fact in described(self.facts)]
        given = [asked, rules, importlib.metadata.version("covertable"), Path(__file__).read_text()]
        return hashlib.sha256(json.dumps(given).encode()).hexdigest()

    def computed(self, tries: int = TRIES) -> list[Row]:
        """The shortest of so many arrays: more of them save a tenth of the rows."""
        presets = [self.usual(framework) for framework in FRAMEWORKS]
        arrays = [
            covertable.make(self.values, presets=presets, constraints=self.constraints, salt=str(number))
            for number in range(tries)
        ]
        return [
            {
                name: list(row[name]) if isinstance(row[name], tuple) else row[name]
                for name in self.asked
                if row[name] is not None
            }
            for row in min(arrays, key=len)
        ]


def selects(row: Row, question: str, value: Any) -> bool:
    """Whether a row has an answer, be it one of several."""
    answer = row.get(question)
    return value in answer if isinstance(answer, tuple | list) else bool(answer == value)


def has(row: Row, question: str, value: Any, framework: str | None) -> bool:
    """Whether a row has an option, which may be of one framework."""
    return selects(row, question, value) and framework in (None, row.get("framework"))


@functools.cache
def model(template: Path = ROOT) -> Model:
    """The model of a version of the template."""
    return Model(options(template), facts_of(template)["options"])


def title(row: Row) -> str:
    """A name for a row: its answers."""

    def part(question: str, answer: Any) -> str:
        if isinstance(answer, bool):
            return question if answer else f"no_{question}"
        return ("+".join(answer) or "none") if isinstance(answer, list) else str(answer)

    return "-".join(itertools.starmap(part, row.items()))


def main() -> None:
    """Print the rows, and write them to the file if they have changed."""
    made = model()
    rows = made.rows()
    lines = ",\n".join(map(json.dumps, rows))
    FILE.write_text(f'{{"model": "{made.digest()}", "rows": [\n{lines}\n]}}\n')
    for row in rows:
        print(title(row))


if __name__ == "__main__":
    main()
