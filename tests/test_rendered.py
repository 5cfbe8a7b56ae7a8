"""A project from the default answers, as its new owner meets it."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from urllib.parse import urljoin

import pytest

from groundplan import interpreters
from tests.conformance.subject import PRODUCTION
from tests.owner import append, remove_the_example, replace
from tests.postgres import Server
from tests.projects import QUICK, UV, Project, ask, served, set_up, set_up_alone
from tests.tools import FRAMEWORKS, commit_all, render, render_anew, run, tree

pytestmark = [pytest.mark.slow, pytest.mark.option("django", "fastapi")]
VERBS = {"run", "serve", "test", "lint", "format", "types", "migrate", "migrations", "check"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"rendered-{name}")) for name in FRAMEWORKS],
)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework)
    commit_all(path, "Start", init=True)
    return set_up_alone(path)


@pytest.fixture
def pristine(framework: str, template: Path, tmp_path: Path) -> dict[str, bytes]:
    return tree(render(template, tmp_path / "pristine", framework=framework))


def test_the_same_answers_give_the_same_bytes(
    framework: str, template: Path, tmp_path: Path, pristine: dict[str, bytes]
) -> None:
    assert tree(render_anew(template, tmp_path / "again", framework=framework)) == pristine


def test_the_lock_names_public_hosts_only(pristine: dict[str, bytes]) -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", pristine["uv.lock"].decode()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_setting_up_changes_no_file(project: Project) -> None:
    """What the set-up makes is ignored, and the lock is the one that was rendered."""
    project.poe("migrate")
    project.uv("lock", "--check")
    assert run("git", "status", "--porcelain", cwd=project.path) == ""


@pytest.mark.in_turn
def test_tests_pass_on_postgresql_and_leave_the_database_alone(
    framework: str, project: Project, template: Path, tmp_path: Path, postgres: Server
) -> None:
    """They run every branch of a project with accounts, and of Django's with a hardened admin, uploads and a shop."""
    django = {"login": "allauth", "admin": "django", "media": "local", "example": "shop"}
    answers = {"django": django, "fastapi": {"auth": "jwt"}}[framework]
    project = set_up(render(template, tmp_path / "service", framework=framework, **answers))
    url = postgres.create(f"service_{framework}")
    project.poe("migrate", DATABASE_URL=url)
    before = postgres.dump(url)
    project.poe("coverage", "--cov-fail-under=100", DATABASE_URL=url)
    assert postgres.dump(url) == before
    assert not [name for name in postgres.databases() if name.startswith("test_")]


FIRST = interpreters.SUITABLE[0]
OLDEST = interpreters.find(FIRST, (FIRST[0], FIRST[1] + 1))


@pytest.mark.skipif(OLDEST is None, reason="the oldest Python that projects support is not installed")
def test_quick_tests_pass_on_the_oldest_python(project: Project, tmp_path: Path) -> None:
    copy = project.copy(tmp_path / "service")
    run(UV, "sync", "--locked", "--quiet", "--python", str(OLDEST), cwd=copy.path)
    Project(copy.path, copy.path / ".venv").poe("test", PYTEST_ADDOPTS=QUICK)


def test_verbs_are_the_same_in_both(project: Project) -> None:
    tasks = tomllib.loads((project.path / "poe_tasks.toml").read_text())
    tasks = tasks["tasks"]
    assert set(tasks) >= VERBS
    assert all(task["help"] for task in tasks.values())


def test_check_fails_on_drift(project: Project, tmp_path: Path) -> None:
    models = next(project.path.glob("*/items/models.py"))
    content = models.read_text()
    assert "100" in content
    models.write_text(content.replace("100", "120", 1))
    try:
        project.poe("check", code=1, PYTEST_ADDOPTS=QUICK)
    finally:
        models.write_text(content)


def test_django_is_served_by_granian_where_that_is_the_answer(template: Path, tmp_path: Path) -> None:
    project = set_up(render(template, tmp_path / "service", framework="django", server="granian"))
    with served(project, "serve", tmp_path / "log", DATABASE_URL="sqlite:///:memory:") as url:
        assert ask(f"{url}/health/live").headers["Server"] == "granian"
    pristine = tree(render(template, tmp_path / "pristine", framework="django", server="granian"))
    del pristine["uv.lock"]  # which pins the packages of all options
    assert "gunicorn" not in str(pristine)


@pytest.mark.parametrize("verb", ["run", "serve"])
def test_it_serves(project: Project, tmp_path: Path, verb: str) -> None:
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    project.poe("migrate", DATABASE_URL=database)
    with served(project, verb, tmp_path / "log", DATABASE_URL=database) as url:
        assert ask(f"{url}/health/ready").json == {"status": "ok", "checks": {"database": "ok"}}
        created = ask(f"{url}/api/v1/items", "POST", {"name": "First"}, X_Request_ID="from-the-caller")
        assert created.status == 201
        assert created.headers["X-Request-ID"] == "from-the-caller"
        assert ask(urljoin(url, created.headers["Location"])).json["name"] == "First"
        assert ask(f"{url}/api/v1/items", "POST", {"name": "First"}).status == 409
        refused = ask(f"{url}/api/v1/items", "POST", {"name": "", "colour": "red"})
        assert refused.status == 422
        assert {error["field"] for error in refused.json["errors"]} == {"body.name", "body.colour"}
        assert ask(f"{url}/api/v1/items", "POST", b"{").status == 400
        missing = ask(f"{url}/api/v1/items/999")
        assert missing.status == 404
        assert missing.headers["Content-Type"].startswith("application/problem+json")
        assert ask(f"{url}/api/nothing").status == 404  # in development, Django's page lists the URLs
        assert ask(f"{url}/api/v1/items", "PUT", {}).status == 405
        assert ask(f"{url}/api/openapi.json").json["openapi"].startswith("3.1")
        assert ask(f"{url}/api/v1/items", Host="evil.example").status == 400
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    request = next(line for line in lines if line.get("request_id") == "from-the-caller")
    assert {"timestamp", "level", "event", "logger", "method", "route", "status", "duration_ms"} <= set(request)
    assert not any("/health/" in json.dumps(line) for line in lines)


@pytest.mark.parametrize("verb", ["run", "serve"])
def test_a_bad_environment_is_refused_at_once(project: Project, verb: str) -> None:
    secret = "mysql://user:hunter2@db/service"  # noqa: S105
    wrong = {"ENVIRONMENT": "production", "DATABASE_URL": secret, "DEBUG": "true", "LOG_LEVEL": "loud"}
    printed = project.poe("--quiet", verb, code=1, **wrong)
    for name in ("DATABASE_URL", "DEBUG", "LOG_LEVEL", "ALLOWED_HOSTS"):
        assert [line for line in printed.splitlines() if name in line], printed
    assert "Traceback" not in printed
    assert "hunter2" not in printed


@pytest.mark.in_turn
def test_the_example_can_be_removed(framework: str, project: Project, tmp_path: Path) -> None:
    """As the README says; what is left, the template's own tests among it, still passes every check."""
    copy = project.copy(tmp_path / "service")
    remove_the_example(copy, framework)
    copy.poe("check", PYTEST_ADDOPTS=QUICK)
    copy.run("pytest", "-q", "tests/core/test_server.py", code=0)


OWN_PAGE = {
    "django": """
from django.test import Client


def test_own(client: Client) -> None:
    assert client.get("/")["Location"] == "/own"
""",
    "fastapi": """
from httpx2 import AsyncClient


async def test_own(client: AsyncClient) -> None:
    assert (await client.get("/")).json() == "own"
""",
}


@pytest.mark.in_turn
def test_the_first_page_can_be_replaced(framework: str, project: Project, template: Path, tmp_path: Path) -> None:
    """By a route of the owner's alone; afterwards, all that belongs to the page can be deleted as the README says."""
    if framework == "django":
        copy = set_up(render(template, tmp_path / "service", framework="django", pages=False))
    else:
        copy = project.copy(tmp_path / "service")
    (copy.path / "tests" / "test_home.py").write_text(f'"""An own page."""\n{OWN_PAGE[framework]}')
    package = copy.package
    if framework == "django":
        replace(package / "urls.py", "] = [\n", '] = [\n    path("", RedirectView.as_view(url="/own")),\n')
    else:
        append(package / "main.py", '\n\n@app.get("/")\nasync def own() -> str:\n    return "own"\n')
    copy.run("pytest", "-q", "tests/test_home.py")
    shutil.rmtree(package / "static")
    if framework == "django":
        urls = (package / "urls.py").read_text()
        block = urls[urls.index("# Below your URLs") : urls.index("# Problem details")]
        replace(package / "urls.py", block, "")
        replace(package / "urls.py", "RedirectView, TemplateView", "RedirectView")
        replace(package / "urls.py", "from .environment import environment\n", "")
        shutil.rmtree(package / "templates")
        replace(package / "settings.py", f'STATICFILES_DIRS = [BASE_DIR / "{package.name}" / "static"]\n', "")
    else:
        (package / "home.py").unlink()
        replace(package / "main.py", "import docs, home", "import docs")
        replace(
            package / "main.py",
            'if environment.environment == "development":\n    app.router.default = home.router\nelif ',
            "if ",
        )
    copy.poe("check", PYTEST_ADDOPTS="tests/test_home.py")


only_django = pytest.mark.parametrize(
    "framework", [pytest.param("django", marks=pytest.mark.xdist_group("rendered-django"))], indirect=True
)


@only_django
def test_a_silent_mail_server_is_left_soon(project: Project) -> None:
    shell = ("python", "manage.py", "shell", "--no-imports", "--command")
    assert "LEFT" in project.run(*shell, MAIL, DATABASE_URL="postgresql://db.internal/service", **PRODUCTION)  # type: ignore[arg-type]
    assert "Subject: Hello" in project.run(*shell, MAIL_IN_DEVELOPMENT)


# The settings of production, with a mail server that accepts connections and says nothing.
MAIL = """
import socket, time
from django.conf import settings
from django.core import mail
from django.test import override_settings

silent = socket.create_server(("127.0.0.1", 0))
default = settings.MAILERS["default"]
options = default["OPTIONS"] | {"host": "127.0.0.1", "port": silent.getsockname()[1]}
start = time.monotonic()
with override_settings(MAILERS={"default": default | {"OPTIONS": options}}):
    try:
        mail.send_mail("Hello", "World", None, ["somebody@example.com"])
    except OSError:  # smtplib has errors of its own
        assert time.monotonic() - start < 10
        print("LEFT")
"""
MAIL_IN_DEVELOPMENT = """
from django.core import mail

mail.send_mail("Hello", "World", None, ["somebody@example.com"])
"""
