"""How many rows the test matrix has with more options, and how long their checks take.

    uv run python benchmarks/rows.py                # a Markdown table
    uv run python benchmarks/rows.py --seconds 40   # with another duration of a row

The options that do not exist yet are simulated, with the constraints that they will have.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.matrix import Model, model
from tests.tools import FRAMEWORKS, OPTIONS, TURNS

SECONDS = 42  # CPU time of a row, measured: `time python3 quickstart.py test --everything -n0 tests/test_rows.py`
CORES = 2


def question(choices: list[str], framework: str = "", condition: str = "") -> dict[str, Any]:
    """A question as in copier.yml; without choices, for yes or no."""
    only = f"framework == '{framework}'" if framework else ""
    asked = {"type": "str", "choices": choices} if choices else {"type": "bool"}
    when = " and ".join(filter(None, (only, condition)))
    return asked | ({"when": f"{{{{ {when} }}}}"} if when else {})


# In the order in which they are added.
QUESTIONS = {
    "yes_or_no": question([], "fastapi"),
    "another": question([], "fastapi"),
}
EXCLUDES: dict[str, dict[str, list[str]]] = {}  # of these questions' answers


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="CPU time of a row (default: %(default)s)")
    options = parser.parse_args()
    print("| Options of Django | of FastAPI | newest | rows | minutes for all | for those of one commit |")
    print("| --- | --- | --- | --- | --- | --- |")
    asked = dict(model().asked)
    for name, added in [("today", None), *QUESTIONS.items()]:
        if added:
            asked[name] = added
        rows = simulated(asked).rows()
        counts = [max(len(row) for row in rows if row["framework"] == framework) - 1 for framework in FRAMEWORKS]
        minutes = len(rows) * options.seconds / 60 / CORES
        print(f"| {counts[0]} | {counts[1]} | {name} | {len(rows)} | {minutes:.0f} | {minutes / TURNS:.0f} |")


def simulated(asked: dict[str, Any]) -> Model:
    """The model of these questions, with all their constraints."""
    facts = {name: dict(answers) for name, answers in OPTIONS["options"].items()}
    for name in [name for name in asked if asked[name] is QUESTIONS.get(name)]:
        facts[name] = {answer: {} for answer in asked[name].get("choices", [True]) if answer != "none"}
    known = {answer for answers in facts.values() for answer in answers}
    for name, answers in EXCLUDES.items():
        for answer, others in answers.items():
            if answer in facts.get(name, ()):
                facts[name][answer] = {"excludes": {other: "why" for other in others if other in known}}
    return Model(asked, facts)


if __name__ == "__main__":
    main()
