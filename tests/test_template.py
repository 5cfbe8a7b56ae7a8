"""The files of the template: its design rules, and the assumptions of updates."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePath

import pytest
import yaml

from groundplan import interpreters
from tests.tools import FRAMEWORKS, QUESTIONNAIRE, ROOT

ROOTS = [ROOT / f"template_{name}" for name in (*FRAMEWORKS, "shared")]
FILES = [
    path
    for root in ROOTS
    for path in sorted(root.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".onnx"  # which is no text
]
OWNERS = yaml.safe_load((ROOT / "extensions" / "owners.yml").read_text())
INCLUDES = re.compile(r'\{%-? (?:include|extends) "template_shared/([^"]*)"( ~ \w+(?: ~ "([^"]+)")?)?')


def rendered(path: Path) -> str:
    """Where a file of a template is in a project: an option's folder is laid over the root."""
    parts = (part for part in path.parts if not part.startswith("{{ has."))
    return PurePath(*parts).as_posix().removesuffix(".jinja")


def test_no_code_runs_at_generation() -> None:
    assert not {"_jinja_extensions", "_tasks", "_migrations"} & set(QUESTIONNAIRE)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_projects_python_is_one_that_is_tested(framework: str) -> None:
    """The quickstart finds it, and the README names it; uv would otherwise take a newer one."""
    first, end = (".".join(map(str, version)) for version in interpreters.SUITABLE)
    pyproject = (ROOT / f"template_{framework}" / "pyproject.toml.jinja").read_text()
    assert f'requires-python = ">={first},<{end}"' in pyproject
    last = f"{interpreters.SUITABLE[1][0]}.{interpreters.SUITABLE[1][1] - 1}"
    assert f"| Projects | Python {first} to {last} |" in (ROOT / "README.md").read_text()


def test_sources_read_like_sources() -> None:
    """Fewer than 10 control tags per 1,000 lines: options select files, rarely lines.

    Locks are no sources, and a file that is nothing but an include has nothing to read. A pair of tags counts once.
    The tags of Django's templates are for Django: also those within `raw`.
    """
    texts = [path.read_text() for path in FILES if path.name != "uv.lock.jinja" and path.suffix != ".html"]
    texts = [text for text in texts if not re.fullmatch(r"(\{% (set|include|extends) [^%]+%\}\n)+", text)]
    lines = sum(text.count("\n") for text in texts)
    texts = [re.sub(r"(\{% raw -?%\}).*?(?=\{% endraw)", r"\1", text, flags=re.DOTALL) for text in texts]
    tags = sum(len(re.findall(r"\{%-? (?!end)", text)) for text in texts)
    assert tags < lines / 100


# Licences are included by a computed name, so they all have the same suffix.
@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name != "licences"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_the_suffix_tells_whether_a_file_is_rendered(path: Path) -> None:
    has_jinja = bool(re.search(r"\{[{%#]", path.read_text()))
    assert has_jinja or path.suffix != ".jinja"
    if path.is_relative_to(ROOTS[2]):  # an include renders every file
        assert (path.suffix == ".jinja") is has_jinja


def test_imports_fit_into_a_line_with_the_longest_package_name() -> None:
    """Otherwise, a new project's own format check fails. Names in parentheses, one a line, fit with any."""
    imports = [
        (path, line.replace("{{ slug }}", "a" * 40))
        for path in FILES
        if path.name.endswith(".py.jinja")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(from|import) \{\{ slug \}\}[\w.]* ", line)
    ]
    assert len(imports) > 100
    assert [(path.relative_to(ROOT), line) for path, line in imports if len(line) > 100] == []


def test_every_shared_body_is_included_by_both() -> None:
    """By a file of each root, or indirectly."""
    shared = {path.relative_to(ROOT / "template_shared").as_posix() for path in FILES if path.is_relative_to(ROOTS[2])}
    shared = {name for name in shared if not name.startswith("settings/")}  # of Django: see tests/test_options.py

    def included_by(path: Path) -> set[str]:
        found = set()
        for start, computed, end in INCLUDES.findall(path.read_text()):
            names = {name for name in shared if name.startswith(start) and name.endswith(end)} if computed else {start}
            found |= names.union(*(included_by(ROOT / "template_shared" / name) for name in names))
        return found

    included = {
        framework: set[str]().union(*(included_by(path) for path in FILES if f"template_{framework}" in path.parts))
        for framework in FRAMEWORKS
    }
    assert included["django"] == shared
    own = {name for name in shared if name.startswith(("api/", "login/", "pages/", "servers/"))}
    assert included["fastapi"] - own == shared - own  # Django's other choices


def test_both_roots_list_the_same_files_where_they_do_the_same() -> None:
    """Files that all projects have, so that a platform engineer finds them under the same names."""
    names = [{rendered(path.relative_to(root)) for path in FILES if path.is_relative_to(root)} for root in ROOTS[:2]]
    package = "{{ slug }}"
    assert {
        *(
            "README.md",
            "LICENSE",
            "pyproject.toml",
            "uv.lock",
            ".gitattributes",
            ".gitignore",
            ".editorconfig",
            ".env.example",
        ),
        *(
            "poe_tasks.toml",
            "ruff.toml",
            "mypy.ini",
            "pytest.ini",
            "conftest.py",
            "docs/operations.md",
            "docs/migrations.md",
            "docs/runbooks.md",
            "deploy/grafana/dashboard.json",
            "deploy/prometheus/prometheus.yml",
            "deploy/prometheus/rules.yml",
            "deploy/prometheus/rules_test.yml",
            "compose.yaml",
            "deploy/compose/compose.yaml",
            "deploy/compose/.env.example",
            *(f"deploy/compose/{name}.sh" for name in ("common", "deploy", "backup", "restore")),
            "docs/one-machine.md",
        ),
        *("docs/decisions/0001-web-framework.md", "{{ _copier_conf.answers_file }}"),
        *(f"{package}/environment.py", f"{package}/core/about.py", f"{package}/core/environment.py"),
        *(
            f"{package}/core/{name}.py"
            for name in ("database", "errors", "logging", "metrics", "middleware", "postgres", "problems", "tracing")
        ),
        *(f"{package}/items/{name}.py" for name in ("models", "schemas")),
        *(f"tests/core/test_{name}.py" for name in ("database", "environment", "server")),
    } <= names[0] & names[1]


CONDITION = re.compile(r"(?:\{% if (?P<condition>.*?) %\})?(?P<pattern>!?/.*?)(?:\{% endif %\})?")


def conditions(patterns: Iterable[str]) -> dict[str, str]:
    """The patterns of owners' files, and when each applies."""
    found = [CONDITION.fullmatch(pattern) for pattern in patterns]
    assert all(found)
    return {match["pattern"]: match["condition"] or "" for match in found if match}


@pytest.mark.parametrize("pattern", sorted(conditions(OWNERS["_exclude"] + OWNERS["_skip_if_exists"])))
def test_every_pattern_of_the_owners_files_matches_one(pattern: str) -> None:
    wanted = PurePath(pattern.removeprefix("!").removeprefix("/").removesuffix("/**"))
    names = [PurePath(rendered(path.relative_to(root))) for root in ROOTS[:2] for path in FILES if root in path.parents]
    assert any(place.match(str(wanted)) for name in names for place in (name, *name.parents))


def test_owners_files_of_options_are_in_both_lists() -> None:
    """Otherwise, selecting the option again would overwrite them, or a later update would restore deleted ones."""

    def options(condition: str) -> set[str]:
        return {*re.findall(r"'(\w+)' in built\.options", condition), *re.findall(r"\bhas\.(\w+)", condition)}

    excluded, kept = (conditions(OWNERS[name]) for name in ("_exclude", "_skip_if_exists"))
    of_options = {
        pattern.removeprefix("!"): options(condition) for pattern, condition in excluded.items() if options(condition)
    }
    assert of_options
    assert of_options == {pattern: options(condition) for pattern, condition in kept.items() if condition}


def test_the_image_starts_the_server_with_the_options_of_poe_serve() -> None:
    """Django's servers read them from a file, or from variables."""

    def options(name: str, end: str) -> list[str]:
        text = (ROOT / name).read_text()
        return text.rpartition(".main:app")[2].partition(end)[0].replace("\\\n", " ").split()

    image = options("template_shared/servers/uvicorn/command.jinja", '"]')
    assert image == options("template_fastapi/poe_tasks.toml.jinja", '"$@"')
    assert "--no-access-log" in image
