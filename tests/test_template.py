"""The files of the template: its design rules, and the assumptions of updates."""

import re
from pathlib import Path

import pytest
import yaml

from groundplan import interpreters
from tests.tools import FRAMEWORKS, ROOT

ROOTS = [ROOT / f"template_{name}" for name in (*FRAMEWORKS, "shared", "servers")]
FILES = [
    path for root in ROOTS for path in sorted(root.rglob("*")) if path.is_file() and "__pycache__" not in path.parts
]
COPIER = yaml.safe_load((ROOT / "copier.yml").read_text())
INCLUDES = re.compile(r'\{%-? (?:include|extends) "template_shared/([^"]*)"( ~ \w+ ~ "([^"]+)")?')


def test_no_code_runs_at_generation() -> None:
    assert not {"_jinja_extensions", "_tasks", "_migrations"} & set(COPIER)


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

    Locks are no sources, a file that is nothing but an include has nothing to read, and a block is only the name of a
    place that a framework's own file fills.
    """
    texts = [path.read_text() for path in FILES if path.name != "uv.lock.jinja"]
    texts = [text for text in texts if not re.fullmatch(r"(\{% (set|include|extends) [^%]+%\}\n)+", text)]
    tags = sum(len(re.findall(r"\{%-? (?!(end)?block)", text)) for text in texts)
    lines = sum(text.count("\n") for text in texts)
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
    if path.is_relative_to(ROOTS[2]) or path.is_relative_to(ROOTS[3]):  # an include renders every file
        assert (path.suffix == ".jinja") is has_jinja


def test_every_shared_body_is_included_by_both() -> None:
    """By a file of each root, or indirectly."""
    shared = {path.relative_to(ROOT / "template_shared").as_posix() for path in FILES if path.is_relative_to(ROOTS[2])}

    def included_by(path: Path) -> set[str]:
        found = set()
        for start, computed, end in INCLUDES.findall(path.read_text()):
            names = {name for name in shared if name.startswith(start) and name.endswith(end)} if computed else {start}
            found |= names.union(*(included_by(ROOT / "template_shared" / name) for name in names))
        return found

    for framework in FRAMEWORKS:
        files = [path for path in FILES if path.is_relative_to(ROOT / f"template_{framework}")]
        assert set().union(*map(included_by, files)) == shared


def test_both_roots_list_the_same_files_where_they_do_the_same() -> None:
    """Files that all projects have, so that a platform engineer finds them under the same names."""
    names = [
        {path.relative_to(root).as_posix().removesuffix(".jinja") for path in FILES if path.is_relative_to(root)}
        for root in ROOTS[:2]
    ]
    package = "{{ slug }}"
    assert {
        *("README.md", "LICENSE", "pyproject.toml", "uv.lock", ".gitignore", ".editorconfig", ".env.example"),
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


@pytest.mark.parametrize("pattern", [line for line in COPIER["_exclude"] if "%}/" in line or "%}!/" in line])
def test_every_pattern_of_what_is_left_out_still_matches_a_file(pattern: str) -> None:
    wanted = re.sub(r"\{% if .*?%\}!?/(.*)\{% endif %\}", r"\1", pattern).removesuffix("/**")
    assert any([*root.glob(name)] for root in ROOTS[:2] for name in (wanted, f"{wanted}.jinja"))


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "uv.lock.jinja"], ids=lambda p: p.parent.name)
def test_locks_pin_what_the_projects_ask_for(path: Path) -> None:
    lock = path.read_text()
    if lock.startswith("{%"):
        pytest.skip("it is nothing but an include")
    framework = "fastapi" if path.parent.name == "template_fastapi" else "django"
    project = (ROOT / f"template_{framework}" / "pyproject.toml.jinja").read_text()
    servers = {"gunicorn", "granian"} & {path.parent.name}
    for name in servers | set(re.findall(r'^    "([a-z0-9-]+)', project, flags=re.MULTILINE)):
        assert f'\nname = "{name}"\n' in lock
    assert set(re.findall(r'https?://([^/"]+)', lock)) == {"pypi.org", "files.pythonhosted.org"}


def test_the_image_starts_the_server_with_the_options_of_poe_serve() -> None:
    """Django's servers read them from a file, or from variables."""

    def options(name: str, end: str) -> list[str]:
        text = (ROOT / "template_fastapi" / name).read_text()
        return text.rpartition(".main:app")[2].partition(end)[0].replace("\\\n", " ").split()

    assert options("Dockerfile.jinja", '"]') == options("poe_tasks.toml.jinja", '"$@"')
    assert "--no-access-log" in options("Dockerfile.jinja", '"]')
