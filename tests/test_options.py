"""Options: each has a question, facts, files and a test of its effect, as CONTRIBUTING.md lists them."""

import difflib
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, combinations, product, starmap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.matrix import choices, described, model, named, options
from tests.test_template import rendered
from tests.tools import FRAMEWORKS, LANDED, OPTIONS, QUESTIONNAIRE, ROOT

NAMED = named(OPTIONS["options"])
OPTION_FACTS = {name: fact for name, _, _, _, fact in described(OPTIONS["options"])}
NAMES = [name for name, *_ in NAMED]
COMBINATIONS = OPTIONS["combinations"]
NOTHING = {"none", "neither", False}  # answers that bring nothing
WITHOUT_FACTS = {"licence"}  # questions that are no options
FOLDERS = {path for name in FRAMEWORKS for path in (ROOT / f"template_{name}").rglob("{{ has.* }}")}
each_option = pytest.mark.parametrize(("name", "question", "answer"), NAMED, ids=NAMES)


def folders(name: str) -> list[Path]:
    return [path for path in FOLDERS if path.name == f"{{{{ has.{name} }}}}"]


def step(number: int, text: str) -> str:
    """What a failure says: what is missing, and the step of the checklist."""
    return f"{text} (CONTRIBUTING.md, Add an option, step {number})"


def unknown(where: str, wanted: set[str], known: set[str]) -> str:
    """Why names are refused, and the likely ones."""
    likely = {name: difflib.get_close_matches(name, known, 1) for name in sorted(wanted - known)}
    names = [f"{name} (meant: {close[0]}?)" if close else name for name, close in likely.items()]
    return step(2, f"{where}: extensions/options.yml has no option named {', '.join(names)}")


def test_names_are_unique() -> None:
    repeated = [name for name, count in Counter([*NAMES, *COMBINATIONS]).items() if count > 1]
    assert not repeated, step(2, f"several options or combinations are named {', '.join(repeated)}: give one a `name`")


@pytest.mark.parametrize("question", sorted({*options(ROOT), *OPTIONS["options"]} - WITHOUT_FACTS))
def test_every_answer_brings_something_or_nothing(question: str) -> None:
    asked, facts = options(ROOT).get(question), OPTIONS["options"].get(question)
    assert asked, step(1, f"{question} is in extensions/options.yml, but copier.yml does not ask it")
    assert facts, step(2, f"{question} is asked in copier.yml, but extensions/options.yml does not have it")
    answers = {*choices(asked)}
    missing, added = answers - NOTHING - {*facts}, {*facts} - answers
    assert not missing, step(2, f"{question}: extensions/options.yml has no facts about {sorted(missing)}")
    assert not added, step(1, f"{question}: copier.yml has no answer {sorted(added)}")


@pytest.mark.parametrize("question", sorted({*OPTIONS["options"]} - {"framework"}))
def test_every_question_refuses_what_cannot_be_combined(question: str) -> None:
    call = f"refused('{question}', {question}, _copier_answers)"
    validator = QUESTIONNAIRE.get(question, {}).get("validator", "")
    assert call in validator, step(1, f"{question}: its validator in copier.yml does not call {call}")


def test_every_settings_file_belongs_to_an_option() -> None:
    """It is appended to settings.py."""
    for file in (ROOT / "template_shared" / "settings").glob("*"):
        name, _, suffix = file.name.partition(".")
        assert suffix in ("py", "py.jinja")
        assert name in {*NAMES, *COMBINATIONS}, unknown(f"{file}", {name}, {*NAMES, *COMBINATIONS})


@each_option
def test_facts_lead_somewhere(name: str, question: str, answer: Any) -> None:
    fact = OPTION_FACTS[name]
    assert folders(name) or set(fact) & {"packages", "tools", "apps"}, step(
        3,
        f"{name} brings no packages, apps or folder {{{{ has.{name} }}}} in template_django or template_fastapi",
    )
    for kind in ("excludes", "requires"):
        others = set(fact.get(kind, ()))
        assert others <= {*NAMES}, unknown(f"{name}: {kind}", others, {*NAMES})
    if page := fact.get("page"):
        names = {path.name.removesuffix(".jinja") for root in FRAMEWORKS for path in pages(root)}
        assert page["file"] in names, step(3, f"{name}: neither template has its page docs/{page['file']}")


def pages(framework: str) -> Iterator[Path]:
    return (path for path in (ROOT / f"template_{framework}").rglob("*") if path.parent.name == "docs")


@pytest.mark.parametrize("folder", sorted(FOLDERS), ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_every_folder_belongs_to_an_option_or_a_combination(folder: Path) -> None:
    wanted, known = {folder.name[7:-3]}, {*NAMES, *COMBINATIONS}
    assert wanted <= known, unknown(f"{folder.relative_to(ROOT)}", wanted, known)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_every_combination_is_of_options(combination: str) -> None:
    wanted = {name.removeprefix("not ") for names in COMBINATIONS[combination] for name in names}
    assert wanted <= {*NAMES}, unknown(f"the combination {combination}", wanted, {*NAMES})


MARKS = re.compile(r"pytest\.mark\.option\(([^)]*)\)")
MARKED = {
    name: path
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    if path != Path(__file__)
    for names in MARKS.findall(path.read_text())
    for name in re.findall(r'"(\w+)"', names)
}


@each_option
def test_every_option_has_a_test_of_its_effect(name: str, question: str, answer: Any) -> None:
    """In its own folder, where it belongs to the rendered project, or here, marked with its name."""
    files = [path.relative_to(folder) for folder in folders(name) for path in folder.rglob("test_*")]
    inside = any(file.parts[:2] == ("tests", "core") for file in files)
    assert inside or name in MARKED, step(
        4,
        f"{name} has no test: neither in tests/core of its folder nor one that is marked pytest.mark.option({name!r})",
    )


@pytest.mark.parametrize("name", MARKED)
def test_every_marked_test_is_of_an_option(name: str) -> None:
    assert name in NAMES, unknown(f"pytest.mark.option in {MARKED[name].relative_to(ROOT)}", {name}, {*NAMES})


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_lock_pins_what_every_option_asks_for(framework: str) -> None:
    lock = (ROOT / f"template_{framework}" / "uv.lock.jinja").read_text()
    facts = {"every project": OPTIONS["always"]} | {
        name: fact
        for name, question, answer, only, fact in described(OPTIONS["options"])
        if only in (None, framework) and model().can_have(framework, question, answer)
    }
    for name, fact in facts.items():
        packages = {package.partition("[")[0] for package in (*fact.get("packages", ()), *fact.get("tools", ()))}
        missing = {package for package in packages if f'\nname = "{package}"\n' not in lock}
        assert not missing, step(
            5,
            f"{name}: template_{framework}/uv.lock.jinja lacks {', '.join(sorted(missing))}; run poe lock --keep",
        )
    assert set(re.findall(r'https?://([^/"]+)', lock)) == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_two_folders_bring_the_same_file(framework: str) -> None:
    """Unless a project can only have one of them."""
    root = ROOT / f"template_{framework}"
    places = defaultdict[str, list[Path]](list)
    for path in root.rglob("*"):
        if path.is_file():
            places[rendered(path.relative_to(root))].append(path)
    repeated = [place for place, paths in places.items() if any(starmap(go_together, combinations(paths, 2)))]
    assert not repeated, step(3, f"several folders of template_{framework} bring {', '.join(repeated)}")


def go_together(one: Path, two: Path) -> bool:
    """Whether a project can have the folders of two files."""
    return any(
        not any(refused(part, other) or refused(other, part) for part in parts for other in others)
        for parts in alternatives(one)
        for others in alternatives(two)
    )


def alternatives(path: Path) -> Iterator[list[str]]:
    """The options that select a file's folders, one list of them after the other."""
    names = re.findall(r"{{ has\.(\w+) }}", path.as_posix())
    return ([*chain(*chosen)] for chosen in product(*(COMBINATIONS.get(name, [[name]]) for name in names)))


def refused(part: str, other: str) -> bool:
    """Whether a part of a combination and another one are never true together."""
    questions = {name: question for name, question, _ in NAMED if not QUESTIONNAIRE[question].get("multiselect")}
    alone = part != other and part in questions and questions[part] == questions.get(other)
    return part == f"not {other}" or alone


@pytest.mark.parametrize("version", LANDED)
def test_no_update_takes_a_package_away(version: str) -> None:
    """What an owner has changed, or written, may import it."""

    def packages(facts: dict[str, Any]) -> set[str]:
        every = [facts["always"], *(fact for *_, fact in described(facts["options"]))]
        return {name.partition("[")[0] for fact in every for name in fact.get("packages", ())}

    earlier = subprocess.run(
        ["git", "show", f"{version}:extensions/options.yml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if earlier.returncode == 0:  # the first version had no such file
        assert packages(yaml.safe_load(earlier.stdout)) - packages(OPTIONS) == set()


def test_one_version_of_everything() -> None:
    """What `versions` has stands nowhere else in the template."""
    files = [
        path for root in (*FRAMEWORKS, "shared") for path in (ROOT / f"template_{root}").rglob("*") if path.is_file()
    ]
    texts = {path: path.read_text() for path in files if path.name != "uv.lock.jinja" and path.suffix != ".onnx"}
    facts = OPTIONS["versions"]
    literals = [value for value in facts.values() if ":" in value] + [f"uv=={facts['uv']}", f"python:{facts['python']}"]
    assert [path for path, text in texts.items() for literal in literals if literal in text] == []
