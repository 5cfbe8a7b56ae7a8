"""An option costs one question, one folder and one entry of facts; all else follows from them."""

import re
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

search:
  type: bool
  when: "{{ framework == 'django' }}"
  help: Can its items be searched?
  default: false
  validator: "{% from 'extensions/options.jinja' import refused %}{{ refused('search', search, _copier_answers) }}"

# --- Computed"""
FACTS = """
  search:
    true:
      variables:
        SEARCH_KEY:
          default: none
          production: "required: a key"
          secret: {help: Opens the index., command: openssl rand -hex 32}
      apps: ["{slug}.search"]
      middleware: [django.middleware.gzip.GZipMiddleware, "{slug}.search.SearchMiddleware"]
      urls: {search/: "{slug}.search.urls"}
      page: {file: search.md, title: Search, about: how to search}
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

# Combinations, for files"""
PAGE = "docs/cache.md"
UNSELECTED = {"django": b"search: false\n", "fastapi": b"cache: none\n"}
SEARCH = {
    "docs/search.md": "# Search\n",
    "{{ slug }}/core/search.py": '"""Search."""\n',  # the template's
    "tests/test_search.py": '"""Search."""\n',  # the owner's
}
CI = {"github": ".github/workflows/check.yml", "gitlab": ".gitlab-ci.yml"}


@pytest.fixture(scope="module")
def extended(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with an option of each framework, as the next version."""
    clone = tmp_path_factory.mktemp("extended") / "template"
    run("git", "clone", "--quiet", template, clone)
    replace(clone / "copier.yml", "\n# --- Computed", QUESTION)
    replace(clone / "extensions" / "options.yml", "\n# Combinations, for files", FACTS)
    page = clone / "template_fastapi" / "{{ has.valkey }}" / PAGE
    page.parent.mkdir(parents=True)
    page.write_text("# Cache\n")
    settings = clone / "template_shared" / "settings" / "search.py"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("# Search\n\nSEARCH_LANGUAGE = LANGUAGE_CODE\n")
    for name, text in SEARCH.items():
        file = clone / "template_django" / "{{ has.search }}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    commit_all(clone, "Add a cache and search")
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


def test_yes_brings_a_secret_and_files(extended: Path, tmp_path: Path) -> None:
    answers = {"framework": "django", "target": ["compose", "kubernetes"], "search": True}
    others = {"pages": False, "login": "none", "media": "none"}
    project = render_anew(extended, tmp_path / "service", slug="desk", **answers, **others)
    for name, text in SEARCH.items():
        assert (project / name.replace("{{ slug }}", "desk")).read_text() == text
    package = project / "desk"
    settings, urls = (package / "settings.py").read_text(), (package / "urls.py").read_text()
    assert '    "django.contrib.admin",\n    "desk.search",\n    "django.contrib.auth",\n' in settings
    assert (
        """
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "desk.search.SearchMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
"""
        in settings
    )
    assert settings.endswith("\n\n# Search\n\nSEARCH_LANGUAGE = LANGUAGE_CODE\n")
    assert "from django.urls import URLPattern, URLResolver, include, path\n" in urls
    assert '    path("search/", include("desk.search.urls")),\n' in urls
    assert "- [Search](docs/search.md): how to search.\n" in (project / "README.md").read_text()
    assert "| `SEARCH_KEY` | none | required: a key |" in (project / "docs" / "operations.md").read_text()
    assert "# Opens the index.\nSEARCH_KEY=\n" in (project / "deploy" / "compose" / ".env.example").read_text()
    assert '--from-literal=SEARCH_KEY="$(openssl rand -hex 32)"' in (project / "docs" / "cluster.md").read_text()


def test_yes_can_be_said_later(extended: Path, tmp_path: Path) -> None:
    """The update brings the template's files. What is the owners' is only in new projects."""
    project = render_anew(extended, tmp_path / "service", framework="django", slug="desk")
    commit_all(project, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "search=true", project)
    assert (project / "desk" / "core" / "search.py").exists()
    assert (project / "docs" / "search.md").exists()
    assert not (project / "tests" / "test_search.py").exists()
    assert "# Opens the index.\nSEARCH_KEY=\n" in (project / "deploy" / "compose" / ".env.example").read_text()


@pytest.mark.parametrize("answers", [{"framework": "django"}, {"framework": "fastapi"}])
def test_without_it_nothing_changes(extended: Path, template: Path, tmp_path: Path, answers: dict[str, Any]) -> None:
    before = rendered(render_anew(template, tmp_path / "before", **answers))
    after = rendered(render_anew(extended, tmp_path / "after", **answers))
    recorded = after.pop(".copier-answers.yml")
    added = UNSELECTED[answers["framework"]]
    assert added in recorded
    assert before.pop(".copier-answers.yml") == recorded.replace(added, b"")
    assert after == before


def test_what_it_excludes_is_refused(extended: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Not with .*: its manifests do not start one"):
        render_anew(extended, tmp_path / "service", framework="fastapi", target=["kubernetes"], cache="valkey")


@pytest.mark.in_turn
def test_it_is_in_the_matrix(extended: Path) -> None:
    rows = model(extended).computed(tries=1)
    own = [row for row in rows if row.get("cache") == "valkey"]
    assert {row["ci"] for row in own} == {"github", "gitlab", "none"}
    assert {row["framework"] for row in own} == {"fastapi"}
    assert not [row for row in own if "kubernetes" in row["target"]]
    assert {(row["framework"], row.get("search")) for row in rows} == {
        *(("django", True), ("django", False), ("fastapi", None))
    }


def test_it_can_be_chosen_later(extended: Path, tmp_path: Path) -> None:
    """A project of the old version updates, without the option, and then chooses it."""
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


MARK = "import pytest\n\npytestmark = pytest.mark.option({})\n"
CHECKLIST = (sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/test_options.py")


def checklist(template: Path, code: int) -> str:
    return run(*CHECKLIST, cwd=template, env={"PYTHONPATH": str(template), "COLUMNS": "300"}, code=code)


def test_the_checklist_passes_and_names_what_is_missing(extended: Path, tmp_path: Path) -> None:
    template = tmp_path / "template"
    run("git", "clone", "--quiet", extended, template)
    mark = template / "tests" / "test_cache_and_search.py"
    mark.write_text(MARK.format('"valkey", "search"'))
    checklist(template, code=0)

    mark.write_text(MARK.format('"valkyrie"'))
    folder = template / "template_fastapi" / "{{ has.valkey }}"
    folder.rename(folder.with_name("{{ has.valky }}"))
    shutil.copy(
        template / "template_fastapi" / "docs" / "recipes.md.jinja", folder.with_name("{{ has.valky }}") / "docs"
    )
    questions, facts = template / "copier.yml", template / "extensions" / "options.yml"
    replace(questions, "    Valkey: valkey\n", "    Valkey: valkey\n    Redis: redis\n")
    replace(questions, "refused('search', search,", "refused('cache', search,")
    replace(facts, "page: {file: search.md", "page: {file: find.md")
    replace(facts, "{kubernetes: its manifests", "{kubernete: its manifests")
    replace(facts, "{markupsafe:", "{left-pad:")
    replace(facts, "  nginx: [[compose],", "  nginx: [[composes],")
    said = checklist(template, code=1)
    for step, words in [
        (1, "search: its validator in copier.yml does not call refused('search', search, _copier_answers)"),
        (2, "cache: extensions/options.yml has no facts about ['redis']"),
        (
            2,
            "template_fastapi/{{ has.valky }}: extensions/options.yml has no option named valky (meant: valkey?)",
        ),
        (2, "valkey: excludes: extensions/options.yml has no option named kubernete (meant: kubernetes?)"),
        (2, "the combination nginx: extensions/options.yml has no option named composes (meant: compose?)"),
        (
            2,
            "pytest.mark.option in tests/test_cache_and_search.py: extensions/options.yml has no option named valkyrie",
        ),
        (3, "several folders of template_fastapi bring docs/recipes.md"),
        (3, "search: neither template has its page docs/find.md"),
        (4, "search has no test"),
        (5, "valkey: template_fastapi/uv.lock.jinja lacks left-pad"),
    ]:
        assert re.search(rf"{re.escape(words)}.*\(CONTRIBUTING\.md, Add an option, step {step}\)", said), (words, said)
