"""What maintainers rely on in this repository: tasks, hooks, records of decisions, and its lock file."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.projects import QUICK
from tests.tools import ROOT, run, turn

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_every_decision_is_in_the_index_in_order() -> None:
    index = re.findall(r"^- \[(\d{4})\]\((.+)\): (.+)$", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE)
    titles = [path.read_text().partition("\n")[0] for path in DECISIONS]
    assert [number for number, _, _ in index] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert [name for _, name, _ in index] == [path.name for path in DECISIONS]
    assert [f"# {int(number)}. {title}" for number, _, title in index] == titles


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_has_the_usual_headings(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"\n\nStatus: (accepted|superseded by \d{4})\n\n## Context\n", text)
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.split()) < 250


def test_every_task_is_explained() -> None:
    tasks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for name, task in tasks.items():
        assert task["help"], name
        assert re.search(rf"`{name}\b", contributing), name


def test_the_command_requires_what_it_imports() -> None:
    """An environment may have more by chance: the packages that others require, and those for development."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "groundplan").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    others = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names - {"groundplan"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    distributions = importlib.metadata.packages_distributions()
    assert {name for name in others if not required & set(map(canonicalize_name, distributions[name]))} == set()


def test_the_lock_file_names_only_public_hosts() -> None:
    lock = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"\w+://([^/\"]+)", lock)) == {"pypi.org", "files.pythonhosted.org"}


def test_tests_take_turns_unless_all_or_some_are_named(tmp_path: Path) -> None:
    file = tmp_path / "test_four.py"
    file.write_text(
        "import pytest\n@pytest.mark.in_turn\n@pytest.mark.parametrize('n', range(8))\ndef test_it(n): pass\n"
    )

    def passed(*arguments: str | Path) -> list[str]:
        pytest_alone = (
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "--rootdir",
            tmp_path,
            "-c",
            "/dev/null",
        )
        return re.findall(r"test_it\[(\d)\] PASSED", run(*pytest_alone, "-v", *arguments, cwd=ROOT))

    assert passed(file) == [str(turn()), str(turn() + 4)]
    assert passed(file, "--everything") == passed(f"{file}::test_it") == [*"01234567"]


def test_hooks_pass_and_find_mistakes(template: Path, tmp_path: Path) -> None:
    """On a clone, with this environment's tools."""
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", template, clone)
    tools = Path(sys.prefix)
    (clone / ".venv").symlink_to(tools)
    hooks = (tools / "bin" / "pre-commit", "run", "--color=never")
    home = {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    run(*hooks, "--all-files", cwd=clone, env=home)
    assert run("git", "status", "--porcelain", "--", ":!.venv", cwd=clone) == ""

    (clone / "wrong.yml").write_text("a: [\n")
    (clone / "wrong.py").write_text("import os\nx = {  'a':1 }\n")
    (clone / "wrong.md").write_text("text ")
    run("git", "add", "--", "wrong.yml", "wrong.py", "wrong.md", cwd=clone)
    printed = run(*hooks, cwd=clone, env=home, code=1)
    failed = set(re.findall(r"^(.*?)\.*Failed$", printed, flags=re.MULTILINE))
    assert failed == {"ruff check", "ruff format", "end of files", "trailing whitespace", "YAML"}


@pytest.mark.in_turn
@pytest.mark.slow
def test_one_checks_a_combination_of_answers() -> None:
    one = (sys.executable, ROOT / "scripts" / "one.py")
    assert "'flask' is not one of django, fastapi" in run(*one, "framework=flask", cwd=ROOT, code=2)
    assert " passed" in run(*one, "framework=fastapi", "ci=none", cwd=ROOT, env={"PYTEST_ADDOPTS": QUICK})
