"""A year later: the template's improvements arrive, the owner's work stays, and the decision is not made again."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from tests.matrix import named
from tests.owner import replace, work_for_a_year
from tests.postgres import Server
from tests.projects import QUICK, Project, ask, served, set_up, set_up_alone
from tests.tools import (
    FRAMEWORKS,
    LANDED,
    OPTIONS,
    ROOT,
    commit_all,
    copy_working_tree,
    groundplan,
    groundplan_here,
    render,
    run,
    tree,
)

pytestmark = pytest.mark.slow


def answers(project: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return content


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    """The template's repository, which a test may take into the future."""
    run("git", "clone", "--quiet", template, tmp_path / "clone")
    return tmp_path / "clone"


def improve(clone: Path, framework: str) -> None:
    """A next version of the template: changed, new and removed files, and weights that turn every decision."""
    root = clone / f"template_{framework}"
    replace(clone / "extensions" / "options.yml", 'structlog: ">=26.1,', 'structlog: ">=26.1.0,')
    replace(clone / "extensions" / "options.yml", 'mypy: ">=2.4,', 'mypy: ">=2.4.0,')
    replace(root / "pyproject.toml.jinja", 'requires-python = ">=3.12,', 'requires-python = ">=3.12.0,')
    replace(clone / "template_shared" / "gitignore.jinja", "\n# Yours", ".coverage\n\n# Yours")
    replace(root / "mypy.ini.jinja", "\n# Yours", "pretty = true\n\n# Yours")
    replace(root / "poe_tasks.toml.jinja", "\n# Yours", '\n[tasks.hello]\nhelp = "Hello"\ncmd = "echo"\n\n# Yours')
    replace(clone / "template_shared" / "core" / "logging.py.jinja", '"""', '"""Improved. ')
    replace(root / "README.md.jinja", "\n", "\nImproved.\n")
    (root / "SECURITY.md").write_text("# Security\n")
    (root / "tests" / "core" / "test_added.py").write_text('"""Added."""\n')
    (root / ".editorconfig.jinja").unlink()
    for example in root.rglob("items/models.py"):
        example.write_text(example.read_text() + "\n# Improved.\n")
    criteria = clone / "extensions" / "criteria.yml"
    swap = {"django": "fastapi", "fastapi": "django"}
    criteria.write_text(
        re.sub(r"^( +)(django|fastapi):", lambda m: f"{m[1]}{swap[m[2]]}:", criteria.read_text(), flags=re.M)
    )
    commit_all(clone, "The next version")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_next_version_reaches_a_project_in_use(framework: str, clone: Path, tmp_path: Path) -> None:
    answered = {"django": ("--preset", "cms", "--data", "api=ninja"), "fastapi": ("--preset", "microservice")}
    project = tmp_path / "service"
    assert groundplan("new", project, "--template", clone, *answered[framework], "--defaults").returncode == 0
    commit_all(project, "Start", init=True)
    used = set_up_alone(project)
    work_for_a_year(used, framework)
    commit_all(project, "A year of work")
    before, decided = tree_of_git(project), answers(project)

    improve(clone, framework)
    assert groundplan("check", project).returncode == 5
    result = groundplan("update", project)
    assert result.returncode == 0, result.stderr + result.stdout
    after = tree_of_git(project)

    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        ".copier-answers.yml",
        ".editorconfig",
        ".gitignore",
        "SECURITY.md",
        "mypy.ini",
        "poe_tasks.toml",
        "tests/core/test_added.py",
        "pyproject.toml",
        f"{decided['slug']}/core/logging.py",
    }
    assert "SECURITY.md" in result.stdout
    assert ".editorconfig" not in after
    assert b"humanize" in after["pyproject.toml"]
    assert b"structlog>=26.1.0," in after["pyproject.toml"]
    assert b"pretty = true\n" in after["mypy.ini"]
    assert b"[mypy-legacy.*]\n" in after["mypy.ini"]
    same = {"framework", "decision", "product", "slug"}
    assert {key: answers(project)[key] for key in same} == {key: decided[key] for key in same}
    # What both have changed still works. The updates from the versions that landed run the whole check.
    used.uv("sync", "--quiet")
    for verb in ("hello", "greet", "lint"):
        used.poe(verb)
    commit_all(project, "Update")
    again = groundplan("update", project)
    assert (again.returncode, "up to date" in again.stdout) == (0, True)


def tree_of_git(project: Path) -> dict[str, bytes]:
    """The files that belong to the project: what it ignores aside."""
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=project).splitlines()
    return {name: (project / name).read_bytes() for name in names if (project / name).is_file()}


@pytest.mark.in_turn
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_example_that_was_deleted_stays_deleted(framework: str, clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework=framework)
    shutil.rmtree(project / "my_service" / "items")
    shutil.rmtree(project / "tests" / "items")
    commit_all(project, "Start", init=True)
    improve(clone, framework)
    assert groundplan("update", project).returncode == 0
    assert not (project / "my_service" / "items").exists()
    assert not (project / "tests" / "items").exists()


@pytest.mark.in_turn
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_where_both_changed_a_line_the_file_is_named(framework: str, clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework=framework)
    replace(project / ".editorconfig", "indent_size", "max_line_length = 99\nindent_size")
    commit_all(project, "Start", init=True)
    replace(clone / "template_shared" / "editorconfig", "indent_size", "max_line_length = 80\nindent_size")
    commit_all(clone, "The next version")
    result = groundplan("update", project)
    assert result.returncode == 4
    assert ".editorconfig" in result.stderr
    assert "<<<<<<< before updating" in (project / ".editorconfig").read_text()
    assert "pyproject.toml" not in result.stderr


def test_an_update_that_fails_changes_nothing(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    (project / ".env").write_text("GREETING=ignored by git\n")
    before = tree(project)
    (clone / "template_shared" / "gitignore.jinja").write_text("new\n")
    (clone / "template_fastapi" / "broken.txt.jinja").write_text("{{ nowhere }}")
    commit_all(clone, "A broken version")
    result = groundplan("update", project)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert tree(project) == before
    assert run("git", "status", "--porcelain", cwd=project) == ""


def test_a_failed_update_keeps_what_git_was_told_not_to_show(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    run("git", "config", "status.showUntrackedFiles", "no", cwd=project)
    (project / "precious.txt").write_text("mine\n")
    (clone / "template_fastapi" / "broken.txt.jinja").write_text("{{ nowhere }}")
    commit_all(clone, "A broken version")
    result = groundplan("update", project)
    assert (result.returncode, "not committed" in result.stderr) == (1, True)
    assert (project / "precious.txt").read_text() == "mine\n"


def test_a_project_ahead_of_the_newest_tag_is_up_to_date(clone: Path, tmp_path: Path) -> None:
    run("git", "tag", "v1.0.0", cwd=clone)
    improve(clone, "fastapi")
    project = tmp_path / "service"
    new = ("new", project, "--template", clone, "--ref", "HEAD", "--framework", "fastapi", "--defaults")
    assert groundplan(*new).returncode == 0
    commit_all(project, "Start", init=True)
    for command in ("check", "update"):
        result = groundplan(command, project)
        assert (result.returncode, "up to date" in result.stdout) == (0, True)


def test_a_project_in_a_larger_repository(clone: Path, tmp_path: Path) -> None:
    """Work elsewhere in the repository neither stops the update nor is touched by it."""
    project = render(clone, tmp_path / "all" / "sérvices" / "one", framework="fastapi")
    replace(project / ".editorconfig", "indent_size", "max_line_length = 99\nindent_size")
    commit_all(tmp_path / "all", "Start", init=True)
    (tmp_path / "all" / "other.txt").write_text("in the middle of something\n")
    (project / "ours.rej").write_text("no conflict of this update\n")
    commit_all(project, "More")
    replace(clone / "template_shared" / "editorconfig", "indent_size", "max_line_length = 80\nindent_size")
    commit_all(clone, "The next version")
    result = groundplan("update", project)
    assert result.returncode == 4
    assert re.findall(r"^  (\S.*)$", result.stderr, flags=re.MULTILINE) == [".editorconfig"]
    assert (tmp_path / "all" / "other.txt").exists()


def test_work_that_is_not_committed_is_not_touched(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="fastapi")
    result = groundplan("update", project)
    assert (result.returncode, "git" in result.stderr) == (1, True)
    commit_all(project, "Start", init=True)
    (project / "README.md").write_text("mine\n")
    (project / "new.txt").write_text("mine\n")
    before = tree(project)
    improve(clone, "fastapi")
    result = groundplan("update", project)
    assert (result.returncode, "not committed" in result.stderr) == (1, True)
    assert tree(project) == before


def test_a_template_that_moved_away(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    clone.rename(tmp_path / "moved")
    for command in ("check", "update"):
        result = groundplan(command, project)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert "_src_path" in result.stderr
    replace(project / ".copier-answers.yml", str(clone), str(tmp_path / "moved"))
    commit_all(project, "Point to where the template is")
    assert groundplan("check", project).returncode == 0


def test_a_version_can_be_named(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    (clone / "template_fastapi" / "one.txt").write_text("1\n")
    first = commit_all(clone, "One")
    (clone / "template_fastapi" / "two.txt").write_text("2\n")
    commit_all(clone, "Two")
    assert groundplan("update", project, "--ref", first).returncode == 0
    assert (project / "one.txt").exists()
    assert not (project / "two.txt").exists()
    commit_all(project, "Update")
    assert groundplan("check", project).returncode == 5
    assert groundplan("update", project, "--ref", "nowhere").returncode == 2


def test_a_new_question_takes_its_default(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="django", name="The name")
    commit_all(project, "Start", init=True)
    with (clone / "copier.yml").open("a") as file:
        file.write("\ncolour:\n  type: str\n  default: green\n")
    commit_all(clone, "Ask for a colour")
    assert groundplan("update", project).returncode == 0
    assert (answers(project)["colour"], answers(project)["name"]) == ("green", "The name")


def test_an_update_at_a_terminal_asks_only_what_is_new(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="django", product="cms")
    commit_all(project, "Start", init=True)
    with (clone / "copier.yml").open("a") as file:
        file.write("\ncolour:\n  type: str\n  help: Which colour?\n  default: green\n")
    commit_all(clone, "Ask for a colour")
    child = pexpect.spawn(f"{sys.executable} -m groundplan update {project}", encoding="utf-8", timeout=120)
    child.expect("The template has new questions. Change any")
    child.expect("Colour +green")
    assert "Kind of service" not in str(child.before)
    child.send("\x1b[B\r")
    child.expect("Which colour")
    child.send("ish\r")
    child.expect("Colour +greenish")
    child.send("\r")
    child.expect("Apply this update")
    child.send("\r")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    assert answers(project)["colour"] == "greenish"


def test_what_a_project_was_built_as_cannot_be_answered_anew(clone: Path, tmp_path: Path) -> None:
    project = render(clone, tmp_path / "service", framework="django")
    commit_all(project, "Start", init=True)
    improve(clone, "django")
    before = tree(project)
    copier = Path(sys.executable).with_name("copier")
    for change in ("framework=fastapi", "framework=neither", "slug=another"):
        assert "cannot change" in run(copier, "update", "--defaults", "--data", change, project, code=1)
        refused = groundplan_here("update", "--data", change, project)
        assert (refused.returncode, "cannot change" in refused.stderr) == (2, True)
    assert tree(project) == before


def test_an_answer_that_nobody_asks_for_is_refused(clone: Path, tmp_path: Path) -> None:
    """Nor one that does not fit the others."""
    project = render(clone, tmp_path / "service", framework="django", login="allauth", admin="django")
    commit_all(project, "Start", init=True)
    before = tree(project)
    for change, words in {
        "auth=jwt": "`auth` is not asked with the project's other answers.",
        "login=django": "admin: Needs allauth",
        "login=ldap": "login: 'ldap' is not one of",
        "colour=red": "Unknown question 'colour'",
        "login": "must have the form KEY=VALUE",
    }.items():
        refused = groundplan_here("update", "--data", change, project)
        assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
        assert tree(project) == before
    # There is no new version.
    result = groundplan_here("update", "--data", "login=django", "--data", "admin=stock", project)
    assert (result.returncode, answers(project)["login"], answers(project)["admin"]) == (0, "django", "stock")


def test_the_server_can_be_answered_anew(clone: Path, tmp_path: Path) -> None:
    """The template's files follow; the lock is the owner's, and uv renews it."""
    project = render(clone, tmp_path / "service", framework="django")
    assert answers(project)["server"] == "gunicorn"
    commit_all(project, "Start", init=True)
    improve(clone, "django")
    used = set_up_alone(project)
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", "--data", "server=granian", project)
    assert '"granian>=' in (project / "pyproject.toml").read_text()
    assert (project / "granian.json").exists()
    assert not (project / "gunicorn.conf.py").exists()
    assert "gunicorn" not in (project / "poe_tasks.toml").read_text()
    used.uv("sync", "--quiet")
    used.run("python", "-c", "import granian")
    used.run("python", "-c", "import gunicorn", code=1)


@pytest.mark.in_turn
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_where_it_runs_can_be_answered_anew(framework: str, clone: Path, tmp_path: Path) -> None:
    """Files come and go with their answer, the owner's among them: a later update leaves those alone."""
    project = render(clone, tmp_path / "service", framework=framework)
    assert (project / "compose.yaml").exists()
    assert not (project / "deploy" / "kubernetes").exists()
    commit_all(project, "Start", init=True)
    improve(clone, framework)
    copier = Path(sys.executable).with_name("copier")
    result = groundplan_here("update", "--data", "target=kubernetes", "--data", "ci=gitlab", project)
    assert result.returncode == 0, result.stderr
    found = tree(project)
    assert not [name for name in found if "compose" in name or name.startswith(".github")]
    assert {".gitlab-ci.yml", "deploy/kubernetes/base/web.yaml", "docs/cluster.md"} <= set(found)
    overlay = project / "deploy" / "kubernetes" / "overlays" / "production" / "kustomization.yaml"
    replace(overlay, "registry.example.com/my-service", "images.example.com/shop")
    commit_all(project, "To a cluster")
    before = tree(overlay.parents[1])
    for line in ("newName: registry.example.com", "newTag: "):  # the line that the owner changed, and another
        (clone / f"template_{framework}" / "LATER.md").write_text(line)
        replace(clone / "template_shared/deploy/kubernetes/overlays/kustomization.yaml.jinja", line, f"{line}new-")
        replace(clone / "template_shared/deploy/kubernetes/overlays/surroundings.yaml.jinja", "/8}", "/8 }")
        commit_all(clone, "One more version")
        run(copier, "update", "--defaults", project)
        assert (project / "LATER.md").read_text() == line
        assert tree(overlay.parents[1]) == before
        assert "UU" not in run("git", "status", "--porcelain", cwd=project)
        commit_all(project, "Update")
        replace(clone / "template_shared/deploy/kubernetes/overlays/surroundings.yaml.jinja", "/8 }", "/8}")


@pytest.mark.in_turn
@pytest.mark.option("jwt")
def test_accounts_can_be_added_later(clone: Path, postgres: Server, tmp_path: Path) -> None:
    """As docs/accounts.md says; the scopes are the owner's from then on."""
    url = postgres.create("accounts_later")
    project = set_up_alone(render(clone, tmp_path / "service", framework="fastapi", slug="service"))
    commit_all(project.path, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "auth=jwt", project.path)
    package = project.package
    models = "from .accounts.models import Account, AccountSession, Attempt, Code, RefreshToken\n"
    replace(package / "models.py", "from .base import Base\n", f"{models}from .base import Base\n")
    names = '"Account", "AccountSession", "Attempt", "Base", "Code", "Item", "RefreshToken", "StoredResponse"'
    replace(package / "models.py", '"Base", "Item", "StoredResponse"', names)
    core = "from .core import database"
    replace(package / "main.py", core, f"from .accounts import endpoints as accounts\n{core}")
    items = "app.include_router(items.router)\n"
    own = "app.include_router(accounts.router)\napp.include_router(accounts.registration)\n"
    replace(package / "main.py", items, items + own)
    project.uv("lock", "--quiet")
    project.uv("sync", "--quiet")
    project.poe("migrate", DATABASE_URL=url)
    project.poe("migrations", "add accounts", DATABASE_URL=url)
    project.poe("migrate", DATABASE_URL=url)
    assert project.poe("alembic", "heads", DATABASE_URL=url).count("(head)") == 1
    project.poe("format")
    project.poe("check", PYTEST_ADDOPTS=QUICK, DATABASE_URL=url)
    commit_all(project.path, "Add accounts")
    (package / "scopes.py").write_text('"""Scopes."""\n')
    commit_all(project.path, "Write scopes")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", project.path)
    assert (package / "scopes.py").read_text() == '"""Scopes."""\n'
    assert run("git", "status", "--porcelain", cwd=project.path) == ""


@pytest.mark.in_turn
@pytest.mark.option("sqlmodel")
def test_models_can_be_of_sqlmodel_later(clone: Path, postgres: Server, tmp_path: Path) -> None:
    """As docs/sqlmodel.md says: those that exist stay, until the owner replaces them; the tables stay in any case."""
    url = postgres.create("sqlmodel_later")
    project = set_up_alone(render(clone, tmp_path / "service", framework="fastapi", slug="service"))
    project.poe("migrate", DATABASE_URL=url)
    commit_all(project.path, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "data=sqlmodel", project.path)
    changed = run("git", "status", "--porcelain", "--", "service", "tests/items", cwd=project.path)
    assert changed == "?? service/tables.py\n"
    project.uv("lock", "--quiet")
    project.uv("sync", "--quiet")
    project.poe("alembic", "check", DATABASE_URL=url)
    project.run("pytest", "-q", "tests/core/test_sqlmodel.py", "tests/test_seed.py", DATABASE_URL=url)
    commit_all(project.path, "Add SQLModel")

    new = tmp_path / "new"
    run(copier, "copy", "--defaults", "--data-file", ".copier-answers.yml", clone, new, cwd=project.path)
    for name in ("items/models.py", "items/filters.py", "seed.py"):
        shutil.copy(new / "service" / name, project.package / name)
    assert "SQLModel" in (new / "service" / "tables.py").read_text()
    project.poe("alembic", "check", DATABASE_URL=url)
    project.poe("check", PYTEST_ADDOPTS=f"{QUICK} tests/items/test_list.py tests/test_seed.py", DATABASE_URL=url)
    (project.package / "tables.py").write_text('"""Mine."""\n')
    commit_all(project.path, "Write models with SQLModel")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", project.path)
    assert run("git", "status", "--porcelain", cwd=project.path) == ""


@pytest.mark.in_turn
@pytest.mark.option("oidc")
def test_a_provider_can_be_added_later(clone: Path, tmp_path: Path) -> None:
    """As docs/accounts.md says; the scopes are the owner's from then on."""
    project = set_up_alone(render(clone, tmp_path / "service", framework="fastapi", slug="service"))
    commit_all(project.path, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", "--data", "auth=oidc", project.path)
    main, core, items = project.package / "main.py", "from .core import database", "app.include_router(items.router)\n"
    replace(main, core, f"from .accounts import endpoints as accounts\n{core}")
    replace(main, items, f"{items}app.include_router(accounts.router)\n")
    project.uv("lock", "--quiet")
    project.uv("sync", "--quiet")
    project.poe("lint")
    project.poe("types")
    project.run("pytest", "-q", "tests/core/test_tokens.py")
    commit_all(project.path, "Accept tokens")
    (project.package / "scopes.py").write_text('"""Scopes."""\n')
    commit_all(project.path, "Write scopes")
    run(copier, "update", "--defaults", "--vcs-ref", "HEAD", project.path)
    assert (project.package / "scopes.py").read_text() == '"""Scopes."""\n'
    assert run("git", "status", "--porcelain", cwd=project.path) == ""


@pytest.mark.in_turn
def test_an_example_can_be_added_later(clone: Path, tmp_path: Path) -> None:
    """As docs/shop.md says, to a project in use; its tables are added, and its files are the owner's from then on."""
    start = {"framework": "django", "slug": "service", "login": "allauth", "admin": "django", "example": "none"}
    project = set_up(render(clone, tmp_path / "service", **start))
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    project.poe("migrate", code=0, **variables)
    commit_all(project.path, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    update = (copier, "update", "--defaults", "--vcs-ref", "HEAD")
    run(*update, "--data", "example=shop", project.path)
    page = (project.path / "docs/shop.md").read_text().partition("## If the project was created without it")[2]
    (app,), (url,) = re.findall(r'`("[\w.]+")`', page), re.findall(r'`(path\("[^`]+\))`', page)
    settings, items = project.package / "settings.py", '    "service.items",\n'
    replace(settings, items, f"{items}    {app},\n")
    settings.write_text(settings.read_text() + (ROOT / "template_shared/settings/shop.py").read_text())
    patterns = "urlpatterns: list[URLPattern | URLResolver] = [\n"
    replace(project.package / "urls.py", patterns, f"{patterns}    {url},\n")
    project.poe("migrate", code=0, **variables)
    project.poe("seed", code=0, **variables)
    with served(project, "run", tmp_path / "log", **variables) as service:
        assert b"Desk lamp" in ask(f"{service}/shop/").body
    models = project.package / "shop" / "models.py"
    models.write_text(f"{models.read_text()}\n# Mine.\n")
    commit_all(project.path, "Add the shop")
    run(*update, project.path)
    assert run("git", "status", "--porcelain", cwd=project.path) == ""


@pytest.mark.in_turn
@pytest.mark.option("client")
def test_a_client_can_be_added_later(clone: Path, tmp_path: Path) -> None:
    """It is the owner's from then on."""
    project = render(clone, tmp_path / "service", framework="fastapi", slug="service", auth="jwt")
    commit_all(project, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    update = (copier, "update", "--defaults", "--vcs-ref", "HEAD")
    run(*update, project)
    client = project / "client"
    assert not client.exists()
    run(*update, "--data", "client=true", project)
    assert {path.name for path in client.iterdir()} >= {"index.html", "app.js", "session.js"}
    (client / "app.js").write_text("// Ours.\n")
    (client / "style.css").unlink()
    commit_all(project, "Change the client")
    replace(clone / "template_fastapi" / "{{ has.client }}" / "client" / "style.css", "0 auto", "0 1rem")
    (clone / "template_fastapi" / "LATER.md").touch()
    commit_all(clone, "One more version")
    run(*update, project)
    assert (project / "LATER.md").exists()
    assert (client / "app.js").read_text() == "// Ours.\n"
    assert not (client / "style.css").exists()


@pytest.mark.in_turn
def test_an_owners_file_of_an_option_that_came_later_stays_deleted(clone: Path, tmp_path: Path) -> None:
    """An option that is selected again adds missing files, and keeps existing ones."""
    project = render(clone, tmp_path / "service", framework="django", target=[])
    commit_all(project, "Start", init=True)
    copier = Path(sys.executable).with_name("copier")
    locations = project / "deploy" / "nginx" / "locations"
    overlays = project / "deploy" / "kubernetes" / "overlays"

    def update(target: str) -> None:
        improve_a_little(clone)
        run(copier, "update", "--defaults", "--data", f"target={target}", project)
        commit_all(project, f"Run on {target}")

    update("[kubernetes]")
    assert (locations / "kustomization.yaml").exists()
    (locations / "service.conf").unlink()
    (overlays / "staging" / "kustomization.yaml").unlink()
    changed = overlays / "production" / "kustomization.yaml"
    changed.write_text(f"{changed.read_text()}# Mine.\n")
    commit_all(project, "My cluster")
    before = tree(project / "deploy")
    update("[kubernetes]")
    assert tree(project / "deploy") == before

    update("[]")
    mine = tree(overlays)
    assert mine.keys() <= {name.relative_to(overlays).as_posix() for name in overlays.rglob("*")}
    update("[kubernetes]")
    assert changed.read_text().endswith("# Mine.\n")
    assert (overlays / "staging" / "kustomization.yaml").exists()


@pytest.mark.in_turn
@pytest.mark.option("pages")
def test_pages_can_be_chosen_later(clone: Path, tmp_path: Path) -> None:
    """As docs/pages.md says. The files are the owner's from then on."""
    project = render(clone, tmp_path / "service", framework="django", slug="desk", pages=False, login="none")
    package, before = project / "desk", tree(project)
    style = package / "static" / "style.css"
    style.write_text("/* Mine. */\n")
    commit_all(project, "Start", init=True)
    improve_a_little(clone)
    copier = Path(sys.executable).with_name("copier")
    result = groundplan_here("update", "--data", "pages=true", project)
    assert result.returncode == 0, result.stderr
    after = tree(project)
    assert style.read_text() == "/* Mine. */\n"
    mine = [name for name in before if name.startswith(("desk/", "tests/")) and "/core/" not in name]
    assert {name: after.get(name) for name in mine} == {name: before[name] for name in mine}

    settings, urls = package / "settings.py", package / "urls.py"
    replace(settings, '    "django.contrib.admin",\n', '    "django_htmx",\n    "django.contrib.admin",\n')
    settings.write_text(settings.read_text() + 'LOGIN_URL = "admin:login"\n')
    block = urls.read_text()
    replace(urls, block[block.index("# Below your URLs") : block.index("# Problem details")], "")
    replace(urls, "path\n", "include, path\n")
    replace(urls, "] = [\n", '] = [\n    path("", include("desk.pages")),\n')
    replace(package / "pages.py", '    path("items/", include("desk.items.urls")),\n', "")
    for name in ("desk/templates/home.html", "desk/static/home.css", "tests/test_home.py"):
        (project / name).unlink()
    used = Project(project, project / ".venv")
    used.uv("sync", "--quiet")  # the lock is the owner's
    used.poe("format")
    used.poe("check", PYTEST_ADDOPTS=QUICK)
    printed = used.run("python", "manage.py", "shell", "--no-imports", "--command", VISIT)
    assert "VISITED 200 404" in printed

    (package / "templates" / "brand.html").unlink()
    commit_all(project, "Use pages")
    before = tree_of_git(project)
    improve_a_little(clone)
    run(copier, "update", "--defaults", project)
    assert {name for name, text in tree_of_git(project).items() if before.get(name) != text} == {".copier-answers.yml"}


@pytest.mark.in_turn
@pytest.mark.option("ninja", "no_api")
def test_an_api_can_be_chosen_later_and_removed(clone: Path, tmp_path: Path) -> None:
    """As docs/api.md says. The files are the owner's from then on."""
    project = render(clone, tmp_path / "service", framework="django", slug="desk", api="none", login="none")
    package, before = project / "desk", tree(project)
    commit_all(project, "Start", init=True)
    improve_a_little(clone)
    result = groundplan_here("update", "--data", "api=ninja", project)
    assert result.returncode == 0, result.stderr
    after = tree(project)
    mine = [name for name in before if name.startswith(("desk/", "tests/")) and "/core/" not in name]
    assert {name: after.get(name) for name in mine} == {name: before[name] for name in mine}
    added = {name for name in after.keys() - before.keys() if name.startswith("desk/") and "/core/" not in name}
    assert added == {
        *("desk/api.py", "desk/schemas.py", "desk/pagination.py"),
        *(f"desk/items/{name}.py" for name in ("api", "filters", "schemas", "services")),
        *(f"desk/throttling/{name}.py" for name in ("__init__", "environment", "throttles")),
    }

    settings, urls = package / "settings.py", package / "urls.py"
    replace(settings, '    "django.contrib.staticfiles",\n', '    "django.contrib.staticfiles",\n    "ninja",\n')
    replace(settings, "BodyLengthMiddleware", "ApiMethodsMiddleware")
    replace(urls, "] = [\n", '] = [\n    path("api/", api.urls),\n')
    replace(urls, "\nadmin.site", "\nfrom .api import api\n\nadmin.site")
    handlers = [f'handler{status} = "desk.core.errors.handler{status}"\n' for status in (400, 403, 404)]
    urls.write_text(urls.read_text() + "".join(handlers))
    used = Project(project, project / ".venv")
    used.uv("sync", "--quiet")  # the lock is the owner's
    used.poe("format")
    used.poe("check", PYTEST_ADDOPTS=QUICK)
    commit_all(project, "Use the API")
    (package / "items" / "api.py").write_text("# Mine.\n")
    commit_all(project, "Change the API")
    assert groundplan_here("update", "--data", "api=none", project).returncode == 0
    assert not (package / "core" / "api.py").exists()
    assert (package / "api.py").exists()
    assert (package / "items" / "api.py").read_text() == "# Mine.\n"
    commit_all(project, "Leave the API")
    assert groundplan_here("update", "--data", "api=ninja", project).returncode == 0
    assert (package / "items" / "api.py").read_text() == "# Mine.\n"


@pytest.mark.in_turn
@pytest.mark.option("allauth", "admin")
def test_a_login_and_an_admin_can_be_chosen_later(clone: Path, tmp_path: Path) -> None:
    """As docs/login.md and docs/admin.md say. The files are the owner's from then on."""
    project = render(clone, tmp_path / "service", framework="django", slug="desk", pages=False, login="none")
    package, before = project / "desk", tree(project)
    commit_all(project, "Start", init=True)
    improve_a_little(clone)
    copier = Path(sys.executable).with_name("copier")
    result = groundplan_here("update", "--data", "login=allauth", "--data", "admin=django", project)
    assert result.returncode == 0, result.stderr
    mine = [name for name in before if name.startswith(("desk/", "tests/")) and "/core/" not in name]
    assert {name: tree(project).get(name) for name in mine} == {name: before[name] for name in mine}

    settings, facts = package / "settings.py", OPTIONS["options"]["login"]["allauth"]
    apps, middleware = ("".join(f'    "{name}",\n' for name in facts[kind]) for kind in ("apps", "middleware"))
    apps += '    "{slug}.tokens",\n    "{slug}.admin_site.apps.AdminSiteConfig",\n'
    replace(settings, '    "django.contrib.admin",\n', apps.format(slug="desk"))
    replace(
        settings, 'messages.middleware.MessageMiddleware",\n', f'messages.middleware.MessageMiddleware",\n{middleware}'
    )
    block = settings.read_text()
    block = block[block.index("SMTP = {") : block.index("# Security\n")]
    replace(settings, block, "MAILERS = mailers(environment.mail_url)\nDEFAULT_FROM_EMAIL = environment.mail_from\n\n")
    replace(settings, "import environment\n", "import environment\nfrom .mail import mailers\n")
    login, ours = ((ROOT / "template_shared/settings" / name).read_text() for name in ("allauth.py.jinja", "admin.py"))
    settings.write_text(settings.read_text() + re.sub(r"\{\{.*\}\}", "True", login) + ours)
    replace(package / "urls.py", '"admin/"', "settings.ADMIN_PATH")
    replace(package / "urls.py", "from django.contrib", "from django.conf import settings\nfrom django.contrib")
    replace(package / "urls.py", "path\n", "include, path\n")
    replace(package / "urls.py", "] = [\n", '] = [\n    path("account/", include("desk.login.urls")),\n')
    replace(package / "api.py", "router as items\n", "router as items\nfrom .login.api import router as me\n")
    replace(package / "api.py", "items)\n", 'items)\napi.add_router("/me", me)\n')
    replace(package / "api.py", "\nfrom .core.about", "\nfrom ninja.security import django_auth\n\nfrom .core.about")
    replace(package / "api.py", "as me\n", "as me\nfrom .tokens.authentication import TokenAuth\n")
    replace(package / "api.py", '="api",\n', '="api",\n    auth=[TokenAuth(), django_auth],\n')
    used = Project(project, project / ".venv")
    used.uv("sync", "--quiet")  # the lock is the owner's
    used.poe("format")
    used.poe("check", PYTEST_ADDOPTS=QUICK)
    printed = used.run(
        "python", "manage.py", "shell", "--no-imports", "--command", VISIT.replace("/nothing", "/api/me")
    )
    assert "VISITED 200 401" in printed

    (package / "templates" / "brand.html").unlink()
    (package / "login" / "models.py").write_text("# Mine.\n")
    commit_all(project, "Use logins")
    before = tree_of_git(project)
    improve_a_little(clone)
    run(copier, "update", "--defaults", project)
    assert {name for name, text in tree_of_git(project).items() if before.get(name) != text} == {".copier-answers.yml"}


VISIT = """
from django.test import Client
client = Client(headers={"host": "localhost"})
print("VISITED", client.get("/").status_code, client.get("/nothing").status_code)
"""


def improve_a_little(clone: Path) -> None:
    """One more version, so that there is something to update to."""
    commit_all(clone, "One more version")


def test_debian_packages_are_the_owners(clone: Path, tmp_path: Path) -> None:
    """An older project gets the file, which the Dockerfile needs."""
    stub = clone / "template_fastapi" / "apt.txt.jinja"
    body = stub.read_text()
    stub.unlink()
    commit_all(clone, "An older version")
    project = render(clone, tmp_path / "service", framework="fastapi")
    commit_all(project, "Start", init=True)
    stub.write_text(body)
    commit_all(clone, "A later version")
    copier = Path(sys.executable).with_name("copier")
    run(copier, "update", "--defaults", project)
    packages = project / "apt.txt"
    assert packages.read_text() == (clone / "template_shared" / "apt.txt").read_text()
    assert "- `apt.txt`" in (project / "README.md").read_text()

    packages.write_text("libmagic1\n")
    commit_all(project, "Add a package")
    replace(clone / "template_shared" / "apt.txt", "# ", "# More ")
    commit_all(clone, "The next version")
    run(copier, "update", "--defaults", project)
    assert packages.read_text() == "libmagic1\n"


def test_fastapi_has_no_choice_of_servers(clone: Path, tmp_path: Path) -> None:
    assert "server" not in answers(render(clone, tmp_path / "service", framework="fastapi"))


@pytest.mark.in_turn
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_neither_copier_nor_the_command_decides_again(framework: str, clone: Path, tmp_path: Path) -> None:
    """An override stays as well: the framework here is the one that the answers speak against."""
    product = {"django": "microservice", "fastapi": "cms"}[framework]
    project = render(clone, tmp_path / "service", framework=framework, product=product)
    commit_all(project, "Start", init=True)
    decided = answers(project)
    improve(clone, framework)
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", project)
    assert {**answers(project), "_commit": None} == {**decided, "_commit": None}
    assert not list(project.rglob("*.rej"))


def test_the_versions_that_landed_are_of_this_history() -> None:
    """Each line names one; where the list is empty, its comment must say why."""
    assert LANDED or "The list starts with" in (ROOT / "tests" / "landed.txt").read_text()
    for version in LANDED:
        assert re.fullmatch("[0-9a-f]{40}", version)
        run("git", "merge-base", "--is-ancestor", version, "HEAD", cwd=ROOT)


def landed(version: str, directory: Path) -> Path:
    """The template of a version that landed, in this repository's history."""
    past = directory / "template"
    run("git", "clone", "--quiet", "--no-local", ROOT, past)
    run("git", "checkout", "--quiet", "-B", "main", version, cwd=past)
    return past


def bring_up_to_date(past: Path) -> None:
    """Commit the working tree as the next version."""
    run("git", "rm", "-r", "--quiet", ".", cwd=past)
    copy_working_tree(past)
    commit_all(past, "Today")


ENDS = (LANDED[0], LANDED[-1])


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "version", [pytest.param(each, marks=() if each in ENDS else pytest.mark.in_turn) for each in LANDED]
)
def test_every_version_that_landed_updates_to_this_one(framework: str, version: str, tmp_path: Path) -> None:
    """From the repository's own history to its working tree, with an owner's work in between."""
    past = landed(version, tmp_path)
    project = render(past, tmp_path / "service", framework=framework)
    commit_all(project, "Start", init=True)
    used = set_up_alone(project)
    work_for_a_year(used, framework)
    commit_all(project, "A year of work")

    bring_up_to_date(past)
    result = groundplan("update", project)
    assert result.returncode == 0, result.stderr + result.stdout
    used.uv("sync", "--quiet")
    used.poe("check", PYTEST_ADDOPTS=QUICK)


@pytest.mark.in_turn
@pytest.mark.option("jwt")
def test_an_older_project_can_add_idempotency_keys(postgres: Server, tmp_path: Path) -> None:
    """As docs/api.md says: its migration follows the owner's own. The update alone needs no migration."""
    past = landed("d08274b587acdf430fdac38ecc603d7b24dce9ea", tmp_path)
    answers = {"framework": "fastapi", "slug": "service", "auth": "jwt"}
    project = set_up_alone(render(past, tmp_path / "service", **answers))
    package, url = project.package, postgres.create("older")
    project.poe("migrate", DATABASE_URL=url)
    column = "    quantity: Mapped[int]\n"
    replace(package / "items" / "models.py", column, f"{column}    colour: Mapped[str | None]\n")
    project.poe("migrations", "add colours", DATABASE_URL=url)
    project.poe("migrate", DATABASE_URL=url)
    commit_all(project.path, "Start", init=True)
    bring_up_to_date(past)
    result = groundplan("update", project.path)
    assert result.returncode == 0, result.stderr + result.stdout
    project.uv("sync", "--quiet")
    project.poe("migrate", DATABASE_URL=url)
    project.poe("alembic", "check", DATABASE_URL=url)

    copier = Path(sys.executable).with_name("copier")
    run(copier, "copy", "--defaults", "--data-file", ".copier-answers.yml", past, tmp_path / "new", cwd=project.path)
    modules = ("bulk.py", "deprecation.py", "etags.py", "idempotency.py", "openapi.py", "pagination.py")
    for name in (*modules, "items/endpoints.py", "items/filters.py"):
        shutil.copy(tmp_path / "new" / "service" / name, package / name)
    shutil.copy(tmp_path / "new" / "service" / "items" / "service.py", package / "items")
    others = shutil.ignore_patterns("test_base.py")  # it tests what the project's own base.py does not have
    shutil.copytree(tmp_path / "new" / "tests", project.path / "tests", dirs_exist_ok=True, ignore=others)
    models = package / "models.py"
    replace(models, "from .items", "from .idempotency import StoredResponse\nfrom .items")
    replace(models, '"]\n', '", "StoredResponse"]\n')
    project.poe("migrations", "add stored responses", DATABASE_URL=url)
    project.poe("migrate", DATABASE_URL=url)
    assert project.poe("alembic", "heads", DATABASE_URL=url).count("(head)") == 1
    project.poe("alembic", "check", DATABASE_URL=url)
    project.poe("format")
    project.poe("check", PYTEST_ADDOPTS=f"{QUICK} tests/items", DATABASE_URL=url)


@pytest.mark.in_turn
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("version", ENDS)
def test_an_update_brings_no_option_by_itself(framework: str, version: str, tmp_path: Path) -> None:
    """Even if a new project with these answers would have it."""
    past = landed(version, tmp_path)
    project = render(past, tmp_path / "service", framework=framework, product="web_app", rendering="server")
    commit_all(project, "Start", init=True)
    given = answers(project)
    selected = given["built"].get("options")
    bring_up_to_date(past)
    run(Path(sys.executable).with_name("copier"), "update", "--defaults", project)
    after = answers(project)
    old = {
        name: answer[framework] if isinstance(answer, dict) else answer
        for name, answer in OPTIONS["before"].items()
        if name in after
    }
    assert {name: after[name] for name in old} == old | {name: given[name] for name in old if name in given}
    names = {name for name, *_ in named(OPTIONS["options"])}
    # Every project had these before the questions about them.
    had = {
        "django": {
            "media": {"local_media", "stock_admin"},
            "api": {"ninja"},
            "database": {"postgresql"},
        },
        "fastapi": {"data": {"sqlalchemy"}},
    }
    kept = set[str]().union(*(options for question, options in had[framework].items() if question not in given))
    # The first did not record them.
    assert selected is None or {*after["built"]["options"]} & names == {*selected} & names | kept


def test_a_project_that_git_ignores_is_not_touched(clone: Path, tmp_path: Path) -> None:
    """In a repository that ignores it, such as one of a home directory, git could not restore its files."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitignore").write_text("*\n")
    commit_all(tmp_path / "home", "Start", init=True)
    project = render(clone, tmp_path / "home" / "service", framework="fastapi")
    before = tree(project)
    improve(clone, "fastapi")
    result = groundplan("update", project)
    assert (result.returncode, "not committed" in result.stderr) == (1, True)
    assert tree(project) == before
