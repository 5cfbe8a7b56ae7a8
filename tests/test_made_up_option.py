"""An option costs one question, one folder and one entry of facts; all else follows from them."""

import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.matrix import model
from tests.owner import replace
from tests.projects import set_up
from tests.tools import commit_all, render_anew, rendered, run

pytestmark = pytest.mark.slow

QUESTION = """
cache:
  type: str
  when: "{{ framework == 'fastapi' }}"
  help: Which cache does it use?
  choices:
    Valkey: valkey
    None: none
  default: none
  validator: "{% from 'extensions/options.jinja' import refused %}{{ refused('cache', cache, _copier_answers) }}"

# --- Computed"""
FACTS = """
  cache:
    valkey:
      packages: {markupsafe: ">=3"}
      tools: {idna: ">=3"}
      variables:
        CACHE_URL: {default: none, production: "required: a cache", example: "valkey://localhost:6379"}
      services:
        valkey:
          image: valkey/valkey:8
          environment: {VALKEY_EXTRA_FLAGS: --save}
          port: 6379
          ready: valkey-cli ping
          variable: CACHE_URL
          url: "valkey://{host}:6379"
      page: {file: cache.md, title: Cache, about: what it keeps}
      excludes: {kubernetes: its manifests do not start one}

# Names for combinations"""
PAGE = "docs/cache.md"
CI = {"github": ".github/workflows/check.yml", "gitlab": ".gitlab-ci.yml"}


@pytest.fixture(scope="module")
def extended(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with the option, as the next version."""
    clone = tmp_path_factory.mktemp("extended") / "template"
    run("git", "clone", "--quiet", template, clone)
    replace(clone / "copier.yml", "\n# --- Computed", QUESTION)
    replace(clone / "extensions" / "options.yml", "\n# Names for combinations", FACTS)
    page = clone / "template_fastapi" / "{{ has.valkey }}" / PAGE
    page.parent.mkdir(parents=True)
    page.write_text("# Cache\n")
    commit_all(clone, "Add a cache")
    return clone


def has_the_option(project: Path, ci: str) -> None:
    """What a project has that an update brings as well."""
    assert (project / PAGE).read_text() == "# Cache\n"
    groups = tomllib.loads((project / "pyproject.toml").read_text())["dependency-groups"]
    assert "markupsafe>=3" in groups["service"]
    assert "idna>=3" in groups["tools"]
    assert "| `CACHE_URL` | none | required: a cache |" in (project / "docs" / "operations.md").read_text()
    pipeline = (project / CI[ci]).read_text()
    assert "valkey/valkey:8" in pipeline
    url = {"github": "valkey://127.0.0.1:6379", "gitlab": "valkey://valkey:6379"}[ci]
    assert url in str(yaml.safe_load(pipeline))


@pytest.mark.parametrize("ci", CI)
def test_it_is_in_a_new_project(extended: Path, tmp_path: Path, ci: str) -> None:
    project = render_anew(extended, tmp_path / "service", framework="fastapi", ci=ci, cache="valkey")
    has_the_option(project, ci)
    assert "# CACHE_URL=valkey://localhost:6379\n" in (project / ".env.example").read_text()
    assert "- [Cache](docs/cache.md): what it keeps.\n" in (project / "README.md").read_text()
    set_up(project).uv("lock", "--check")


@pytest.mark.parametrize("answers", [{"framework": "django"}, {"framework": "fastapi"}])
def test_without_it_nothing_changes(extended: Path, template: Path, tmp_path: Path, answers: dict[str, Any]) -> None:
    before = rendered(render_anew(template, tmp_path / "before", **answers))
    after = rendered(render_anew(extended, tmp_path / "after", **answers))
    recorded = after.pop(".copier-answers.yml")
    assert (b"cache: none\n" in recorded) is (answers["framework"] == "fastapi")
    assert before.pop(".copier-answers.yml") == recorded.replace(b"cache: none\n", b"")
    assert after == before


def test_what_it_excludes_is_refused(extended: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Not with .*: its manifests do not start one"):
        render_anew(extended, tmp_path / "service", framework="fastapi", target=["kubernetes"], cache="valkey")


def test_it_is_in_the_matrix(extended: Path) -> None:
    rows = [row for row in model(extended).rows() if row.get("cache") == "valkey"]
    assert {row["ci"] for row in rows} == {"github", "gitlab", "none"}
    assert {row["framework"] for row in rows} == {"fastapi"}
    assert not [row for row in rows if "kubernetes" in row["target"]]


def test_it_can_be_chosen_later(extended: Path, tmp_path: Path) -> None:
    """A project of the former version updates, without the option, and then chooses it."""
    past = tmp_path / "template"
    run("git", "clone", "--quiet", extended, past)
    newest = run("git", "rev-parse", "HEAD", cwd=past).strip()
    run("git", "reset", "--quiet", "--hard", "HEAD^", cwd=past)
    project = render_anew(past, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    run("git", "reset", "--quiet", "--hard", newest, cwd=past)
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", project)
    assert run("git", "status", "--porcelain", cwd=project) == " M .copier-answers.yml\n"
    commit_all(project, "Update")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "cache=valkey", project)
    has_the_option(project, "github")
    assert "valkey" in yaml.safe_load((project / ".copier-answers.yml").read_text())["cache"]
    assert run("git", "diff", "--name-only", "--diff-filter=U", cwd=project) == ""


def test_what_it_excludes_is_refused_later(extended: Path, tmp_path: Path) -> None:
    """Copier would drop the recorded answer, take its default and delete files; the update stops instead."""
    project = render_anew(extended, tmp_path / "service", framework="fastapi", target=["kubernetes"])
    commit_all(project, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    said = run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "cache=valkey", project, code=1)
    assert "its manifests do not start one" in said
    assert run("git", "status", "--porcelain", cwd=project) == ""


def test_an_answer_is_not_part_of_another(extended: Path, tmp_path: Path) -> None:
    """`valkey` is selected by its whole name."""
    questions = (extended / "copier.yml").read_text()
    template = Path(shutil.copytree(extended, tmp_path / "template"))
    assert "valkey" in questions
    (template / "copier.yml").write_text(questions.replace(": valkey\n", ": valkey\n    Many: valkeys\n", 1))
    commit_all(template, "Two of a kind")
    project = render_anew(template, tmp_path / "service", framework="fastapi", target=["kubernetes"], cache="valkeys")
    assert not (project / "docs" / "cache.md").exists()
