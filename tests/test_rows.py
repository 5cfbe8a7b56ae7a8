"""Projects from the rows of the matrix: in these, every possible pair of answers meets."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.matrix import Row, model, title
from tests.operations import try_operations
from tests.projects import QUICK, Project, parse_all, set_up
from tests.recipes import follow, too_long
from tests.tools import commit_all, render, run, texts

pytestmark = pytest.mark.slow
ROWS = model().rows()

# The slow tests of a project run in the first row with each combination of these answers, which takes no turns.
STACK = ("framework", "server")
RECIPES = {"docs/media.md", "docs/pages.md", "docs/recipes.md", "docs/wagtail.md"}
DJANGO_TAGS = {
    "dashboard",  # in tickets/templatetags/
    *("autoescape", "element", "endautoescape", "endelement", "endslot", "slot"),
    *(
        "block",
        "csrf_token",
        "elif",
        "else",
        "endblock",
        "endfor",
        "endif",
        "extends",
        "firstof",
        "for",
        "htmx_script",
        "if",
    ),
    *("include", "load", "querystring", "static", "url"),
    *("get_current_language", "translate"),  # in docs/pages.md
}
# The files that say how a project is made, or run its updates.
NAMES_THE_COMMAND = {
    ".copier-answers.yml",
    ".github/workflows/template-update.yml",
    "README.md",
    "docs/operations.md",
    "docs/pipeline.md",
}


def is_first(row: Row) -> bool:
    """Whether no earlier row has the same stack."""
    stacks = [[other.get(question) for question in STACK] for other in ROWS]
    return stacks.index(stacks[ROWS.index(row)]) == ROWS.index(row)


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_files(row: Row, template: Path, tmp_path: Path) -> None:
    """Nothing is left of the template, every file is tidy and parses, and the answers are recorded."""
    project = render(template, tmp_path / "service", **row)
    for name, text in texts(project).items():
        assert not name.endswith(".jinja")
        if "/templates/" in name or name in RECIPES:  # Django's own templates look like the template's
            assert set(re.findall(r"\{[%#]-?\s*(\w*)", text)) <= DJANGO_TAGS, name
            assert "-%}" not in text, name
        else:
            assert not re.search(r"\{%|%\}|\{#|\bjinja\b", text), name
            # `{{ name }}`, but neither GitHub's `${{ name }}`, Prometheus's `{{ $name }}`, the nonce of a Django page
            # that the README explains, nor an f-string's `{{`
            assert not re.search(r"(?<!\$)\{\{ (?!\$|csp_nonce)", text), name
        if name not in NAMES_THE_COMMAND and "decisions" not in name:
            assert "groundplan" not in text.lower(), name
        assert "\r" not in text, name
        assert text == "" or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), name
    parse_all(project)
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert {name: recorded[name] for name in model().asked if name in recorded} == row


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_recipes(row: Row, template: Path, tmp_path: Path) -> None:
    """They fit: each on a page, and each line that shows where another one belongs is in its file."""
    project = Project(render(template, tmp_path / "service", **row), tmp_path)
    assert too_long(project) == {}
    follow(project, install=False)
    parse_all(project.path)


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=[] if is_first(row) else pytest.mark.in_turn, id=title(row)) for row in ROWS]
)
def test_checks(row: Row, template: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A project is set up from its lock, passes its own checks, migrates its database, and keeps to its schema."""
    path = render(template, tmp_path / "service", **row)
    assert row["framework"] == "fastapi" or includes_djangos_checklist_for_deployment(path, row)
    project = set_up(path)
    commit_all(project.path, "Start", init=True)
    project.uv("lock", "--check")
    if is_first(row):  # with all of the project's tests, and a mypy that knows nothing yet
        project.poe("check", MYPY_CACHE_DIR=".mypy_cache")
    else:
        project.poe("check", PYTEST_ADDOPTS=QUICK)
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if row.get("database") != "sqlite":
        server = request.getfixturevalue("mysql" if row.get("database") == "mysql" else "postgres")
        url = server.create(f"row_{ROWS.index(row)}")
    project.poe("migrate", DATABASE_URL=url)
    assert run("git", "status", "--porcelain", cwd=project.path) == ""
    if row.get("api") != "none":  # FastAPI has one without being asked
        try_operations(project, row, url, tmp_path)


def includes_djangos_checklist_for_deployment(project: Path, row: Row) -> bool:
    """Whether `poe check` fails on a warning, in production; with MySQL, only what needs no server is checked."""
    tasks = tomllib.loads((project / "poe_tasks.toml").read_text())["tasks"]
    [step] = [step for step in tasks["check"]["sequence"] if "--deploy" in str(step)]
    only = " --tag security" if row["database"] == "mysql" else ""
    command = f"python manage.py check --deploy{only} --fail-level WARNING"
    return (step["cmd"], step["env"]["ENVIRONMENT"]) == (command, "production")
