"""Options: each has a question, facts, files and a test of its effect, as CONTRIBUTING.md lists them."""

import re
from collections import Counter
from typing import Any

import pytest

from tests.matrix import model, options
from tests.test_template import rendered
from tests.tools import FRAMEWORKS, OPTIONS, QUESTIONNAIRE, ROOT

# Every option: its name, question, answer and facts.
NAMED = [
    (str(fact.get("name", question if answer is True else answer)), question, answer, fact)
    for question, answers in OPTIONS["options"].items()
    for answer, fact in answers.items()
]
NAMES = [name for name, *_ in NAMED]
NOTHING = {"none", "neither", False}  # answers that bring nothing
FOLDERS = {path for name in FRAMEWORKS for path in (ROOT / f"template_{name}").rglob("{{ has.* }}")}
KINDS = {"commands", "name", "packages", "tools", "variables", "services", "includes", "page", "excludes"}


def folders(name: str) -> list[Any]:
    return [path for path in FOLDERS if path.name == f"{{{{ has.{name} }}}}"]


def test_names_are_unique() -> None:
    assert len({*NAMES, *OPTIONS["combinations"]}) == len(NAMES) + len(OPTIONS["combinations"])


@pytest.mark.parametrize("question", OPTIONS["options"])
def test_every_answer_brings_something_or_nothing(question: str) -> None:
    details = QUESTIONNAIRE[question]
    answers = {True, False} if details["type"] == "bool" else set(details["choices"].values())
    assert answers - NOTHING == set(OPTIONS["options"][question])


@pytest.mark.parametrize("question", sorted({*OPTIONS["options"]} - {"framework"}))
def test_every_question_refuses_what_cannot_be_combined(question: str) -> None:
    assert f"refused('{question}', {question}, _copier_answers)" in QUESTIONNAIRE[question].get("validator", "")


@pytest.mark.parametrize(("name", "fact"), [(name, fact) for name, _, _, fact in NAMED], ids=NAMES)
def test_facts_are_of_known_kinds_and_lead_somewhere(name: str, fact: dict[str, Any]) -> None:
    assert set(fact) <= KINDS
    assert folders(name) or set(fact) & {"packages", "tools"}
    assert set(fact.get("excludes", ())) <= set(NAMES)
    if page := fact.get("page"):
        pages = [path for root in FRAMEWORKS for path in (ROOT / f"template_{root}").rglob(f"{page['file']}.jinja")]
        assert pages


def test_every_folder_belongs_to_an_option_or_a_combination() -> None:
    assert {path.name[7:-3] for path in FOLDERS} <= {*NAMES, *OPTIONS["combinations"]}
    for lists in OPTIONS["combinations"].values():
        assert {name.removeprefix("not ") for names in lists for name in names} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_test_of_its_effect(name: str) -> None:
    """In its own folder, where it belongs to the rendered project, or here, marked with its name."""
    files = [path.relative_to(folder) for folder in folders(name) for path in folder.rglob("test_*")]
    inside = any(file.parts[:2] == ("tests", "core") for file in files)
    marked = re.compile(rf'pytest\.mark\.option\([^)]*"{name}"')
    outside = any(marked.search(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    assert inside or outside


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_lock_pins_what_every_option_asks_for(framework: str) -> None:
    lock = (ROOT / f"template_{framework}" / "uv.lock.jinja").read_text()
    rows = [row for row in model().rows() if row["framework"] == framework]
    chosen = {
        answer for row in rows for value in row.values() for answer in (value if isinstance(value, list) else [value])
    }
    facts = [OPTIONS["always"], *(fact for _, _, answer, fact in NAMED if answer in chosen)]
    for fact in facts:
        for package in (*fact.get("packages", ()), *fact.get("tools", ())):
            assert f'\nname = "{package.partition("[")[0]}"\n' in lock
    assert set(re.findall(r'https?://([^/"]+)', lock)) == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_two_folders_bring_the_same_file(framework: str) -> None:
    root = ROOT / f"template_{framework}"
    places = Counter(rendered(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert [place for place, count in places.items() if count > 1] == []


def test_every_option_in_the_questionnaire_has_facts() -> None:
    assert set(options(ROOT)) - {"licence"} == set(OPTIONS["options"])


def test_one_version_of_everything() -> None:
    """What `versions` has stands nowhere else in the template."""
    files = [
        path for root in (*FRAMEWORKS, "shared") for path in (ROOT / f"template_{root}").rglob("*") if path.is_file()
    ]
    texts = {path: path.read_text() for path in files if path.name != "uv.lock.jinja"}
    facts = OPTIONS["versions"]
    literals = [value for value in facts.values() if ":" in value] + [f"uv=={facts['uv']}", f"python:{facts['python']}"]
    assert [path for path, text in texts.items() for literal in literals if literal in text] == []
