"""What an owner does first with a framework's documentation at hand has the effect that the documentation names.

All edits are made to one copy of a project, which is then served by the stock command of its server, in production.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.subject import PRODUCTION, eventually
from tests.conformance.test_headers import directives
from tests.owner import HERE, append, replace
from tests.postgres import Server
from tests.processes import answers, free_port
from tests.projects import PYTHON, UV, Answer, Project, ask, set_up
from tests.tools import FRAMEWORKS, render, run

pytestmark = [pytest.mark.slow]

CORS = "Access-Control-Allow-Origin"
ORIGIN = "https://spa.example"
EXTRA = ("django-cors-headers>=4.9,<5", "sentry-sdk>=2.75,<3")
COMMANDS = {"django": ("gunicorn", "{package}.wsgi"), "fastapi": ("uvicorn", "{package}.main:app", "--port", "{port}")}

URLS = """
from . import own

urlpatterns = [*own.urlpatterns, *urlpatterns]
handler400 = handler404 = "{package}.own.not_found"
"""


def grouped(framework: str) -> Any:
    """Keeps a framework's tests together: they share one project."""
    return pytest.param(framework, marks=pytest.mark.xdist_group(f"owner-{framework}"))


@pytest.fixture(scope="module")
def prepared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Project]:
    """The projects as they are rendered."""
    return {
        framework: set_up(render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework))
        for framework in FRAMEWORKS
    }


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with packages that owners add most often."""
    directory = tmp_path_factory.mktemp("extra")
    command: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", PYTHON, "--target", directory, *EXTRA]
    run(*command)
    for name in ("django", "asgiref", "sqlparse"):  # the project has its own
        shutil.rmtree(directory / name, ignore_errors=True)
    return directory


@dataclass(frozen=True)
class Served:
    """A project that its owner has changed, and where it answers."""

    project: Project
    url: str
    log: Path
    tracked_file: Path
    variables: dict[str, str]

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        """Sends a request."""
        return ask(self.url + path, method, body, **headers)

    def tracked(self, message: str) -> dict[str, list[str]]:
        """The kinds of exceptions with a message that each tracker has seen, once all have."""

        def seen() -> dict[str, list[str]]:
            text = self.tracked_file.read_text() if self.tracked_file.exists() else ""
            found: dict[str, list[str]] = {}
            for each in map(json.loads, text.splitlines()):
                if each["message"] == message:
                    found.setdefault(each["tracker"], []).append(each["kind"])
            return found

        eventually(lambda: len(seen()) == 2)
        time.sleep(0.3)  # for a second report of the same
        return seen()


@contextlib.contextmanager
def serving(project: Project, directory: Path, framework: str, **variables: str) -> Iterator[Served]:
    """Serves a project by the command that its server's documentation names."""
    port = str(free_port())
    program, *arguments = COMMANDS[framework]
    words = [word.format(package=project.package.name, port=port) for word in arguments]
    own = {"PORT": port, "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"), "TRACKED": str(directory / "tracked")}
    served = Served(
        project, f"http://127.0.0.1:{port}", directory / "log", directory / "tracked",
        project.variables | PRODUCTION | own | variables,
    )  # fmt: skip
    command = [program, *words]
    with project.running(command, served.variables, served.log, lambda: answers(f"{served.url}/health/live")):
        yield served


@pytest.fixture(scope="module")
def django(
    prepared: dict[str, Project], extra: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A Django project with its owner's middleware, views, router, settings and error trackers."""
    directory = tmp_path_factory.mktemp("django-owner")
    project = prepared["django"].copy(directory / "service")
    package = project.package
    shutil.copy(HERE / "django" / "own.py", package)
    shutil.copy(HERE / "both" / "tracker.py", package)
    shutil.copy(HERE / "django" / "test_own.py", project.path / "tests")
    append(package / "settings.py", (HERE / "django" / "own_settings.py").read_text().replace("PACKAGE", package.name))
    append(package / "api.py", '\nfrom .own import router as own\n\napi.add_router("/own", own)\n')
    append(package / "urls.py", URLS.format(package=package.name))
    replace(package / "urls.py", '"admin/"', '"staff/"')
    database = postgres.create("owner_django")
    with serving(project, directory, "django", DATABASE_URL=database, PYTHONPATH=str(extra)) as served:
        yield served


@pytest.fixture(scope="module")
def fastapi(
    prepared: dict[str, Project], extra: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A FastAPI project with its owner's routers, middleware, handlers, a mounted site and error trackers."""
    directory = tmp_path_factory.mktemp("fastapi-owner")
    project = prepared["fastapi"].copy(directory / "service")
    package = project.package
    shutil.copy(HERE / "fastapi" / "own.py", package)
    shutil.copy(HERE / "both" / "tracker.py", package)
    replace(package / "main.py", "\nfrom .core", "\nfrom . import own, tracker\nfrom .core")
    append(package / "main.py", "\nown.extend(app)\n")
    (directory / "site").mkdir()
    (directory / "site" / "index.html").write_text("<script src='/site/a.js'></script>")
    variables = {"DATABASE_URL": postgres.create("owner_fastapi"), "PYTHONPATH": str(extra), "API_DOCS": "true"}
    with serving(project, directory, "fastapi", SITE=str(directory / "site"), **variables) as served:
        yield served


@pytest.fixture(params=[grouped(framework) for framework in FRAMEWORKS])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def served(framework: str, request: pytest.FixtureRequest) -> Served:
    """Both, one after the other."""
    found: Served = request.getfixturevalue(framework)
    return found


def preflight(served: Served, path: str) -> Answer:
    """What a browser asks before it lets a page of another origin call the API."""
    return served.ask(path, "OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="POST")


def test_the_stock_command_serves(served: Served) -> None:
    assert served.ask("/health/ready").status == 200
    assert served.ask("/health/live", "HEAD").status == 200


@pytest.mark.parametrize("path", ["/api/v1/items/x", "/own/page", "/api/nothing", "/own/nothing"])
def test_a_middleware_for_cors_that_comes_first_sees_every_request(served: Served, path: str) -> None:
    assert preflight(served, path).status == 200
    assert preflight(served, path).headers[CORS] == ORIGIN
    assert served.ask(path, Origin=ORIGIN).headers[CORS] == ORIGIN
    assert CORS not in served.ask(path, Origin="https://evil.example").headers


BOOMS = [
    ("django", "/own/boom", "boom of a page"),
    ("django", "/api/own/boom", "boom of the api"),
    ("fastapi", "/own/boom", "boom of the api"),
]


@pytest.mark.parametrize(
    ("name", "path", "message"), [pytest.param(*boom, marks=grouped(boom[0]).marks) for boom in BOOMS]
)
def test_error_trackers_see_an_exception_once(
    name: str, path: str, message: str, request: pytest.FixtureRequest
) -> None:
    """A handler of the standard library's logging, and Sentry through its integration of the framework."""
    served: Served = request.getfixturevalue(name)
    answer = served.ask(path, Origin=ORIGIN)
    assert answer.status == 500
    assert (CORS in answer.headers) == (name == "django"), "Starlette answers outside all middleware"
    assert served.tracked(message) == {"logging": ["RuntimeError"], "sentry": ["RuntimeError"]}


def test_the_owners_logging_replaces_the_templates(served: Served) -> None:
    before = len(served.log.read_text().splitlines())
    served.ask("/api/v1/items?owner")
    served.ask("/own/page")
    lines = eventually(lambda: found if len(found := served.log.read_text().splitlines()[before:]) >= 2 else None, 5)
    assert lines
    assert all(line.startswith("OWN ") or not line.startswith("{") for line in lines), lines
    assert any(line.startswith("OWN INFO") for line in lines)


def run_tests(served: Served, *arguments: str) -> None:
    """Runs some of the project's own tests."""
    environment = {"PYTHONPATH": served.variables["PYTHONPATH"], "TRACKED": os.devnull}
    served.project.run("pytest", "-q", "-p", "no:cacheprovider", *arguments, code=0, **environment)


MAILED = """
import django
from django.core import mail
from django.test import Client
from django.test.utils import override_settings, setup_test_environment
from django.urls import path

urlpatterns = [path("", lambda _: 1 / 0)]
django.setup()
setup_test_environment(debug=False)
memory = {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
mailers = {"default": memory, "admins": memory}
with override_settings(ADMINS=["ops@example.com"], MAILERS=mailers, ROOT_URLCONF="__main__"):
    Client(raise_request_exception=False).get("/")
print("MAILED", [message.to for message in mail.outbox])
"""


@pytest.mark.xdist_group("owner-django")
class TestDjango:
    def test_security_headers_can_be_switched_off(self, django: Served) -> None:
        page = django.ask("/own/page", X_Forwarded_Proto="https").headers
        assert "Content-Security-Policy" not in page
        assert "Strict-Transport-Security" not in page
        assert page["X-Frame-Options"] == "DENY"
        assert "Strict-Transport-Security" not in django.ask("/api/own/ping", X_Forwarded_Proto="https").headers

    def test_decorators_of_views_have_their_effect(self, django: Served) -> None:
        assert "X-Frame-Options" not in django.ask("/own/framed").headers
        policy = django.ask("/own/pictures").headers["Content-Security-Policy"]
        assert "img-src https://images.example" in policy

    def test_handler404_answers(self, django: Served) -> None:
        assert django.ask("/own/nothing").body == b"<p>An own page"

    def test_options_of_a_router_have_their_effect(self, django: Served) -> None:
        assert django.ask("/api/own/private").status == 401
        head = django.ask("/api/own/ping", "HEAD")
        assert (head.status, head.body) == (200, b"")

    def test_the_projects_own_tests_see_it_too(self, django: Served) -> None:
        """With a session, and with the classic setting of an email backend, which Django 6.1 deprecates."""
        run_tests(django, "tests/test_own.py")

    def test_the_templates_tests_do_not_depend_on_the_owners_settings(self, django: Served) -> None:
        run_tests(django, "tests/core", "-m", "not slow")

    def test_exceptions_are_mailed_to_admins(self, prepared: dict[str, Project]) -> None:
        project = prepared["django"]
        variables = {"DJANGO_SETTINGS_MODULE": f"{project.package.name}.settings", "DEBUG": "false"}
        printed = project.run("python", "-c", MAILED, code=0, **variables)
        assert printed.endswith("MAILED [['ops@example.com']]\n")


@pytest.mark.xdist_group("owner-fastapi")
class TestFastAPI:
    def test_an_exception_handler_for_exception_answers(self, fastapi: Served) -> None:
        answer = fastapi.ask("/own/boom")
        assert (answer.status, answer.json) == (500, {"own": "RuntimeError"})

    def test_an_exception_handler_for_a_status_answers(self, fastapi: Served) -> None:
        assert fastapi.ask("/own/nothing").body == b"An own answer"

    def test_a_home_page_replaces_the_way_to_the_documentation(self, fastapi: Served) -> None:
        assert fastapi.ask("/").json == "An own home page"

    def test_a_response_keeps_the_headers_that_it_sets(self, fastapi: Served) -> None:
        framed = fastapi.ask("/own/framed").headers
        assert framed.get_all("X-Frame-Options") == ["SAMEORIGIN"]
        assert framed.get_all("Content-Security-Policy") == ["default-src 'self'"]

    @pytest.mark.parametrize("path", ["/own/page", "/site/", "/api/docs"])
    def test_pages_are_not_blanked(self, fastapi: Served, path: str) -> None:
        page = fastapi.ask(path)
        assert page.status == 200
        policy = directives(page.headers.get("Content-Security-Policy", "script-src *"))
        assert policy.get("script-src", policy.get("default-src")) != {"'none'"}

    def test_a_detail_may_be_any_json(self, fastapi: Served) -> None:
        refused = fastapi.ask("/own/refused")
        assert refused.status == 400
        assert refused.json["detail"] == {"code": "too_short", "least": 3}

    def test_head_is_an_operation_like_any_other(self, fastapi: Served) -> None:
        assert fastapi.ask("/own/ping", "HEAD").headers["X-Pong"] == "yes"

    def test_options_of_a_router_have_their_effect(self, fastapi: Served) -> None:
        taken = subprocess.run(
            ["curl", "-s", "-H", "Content-Type:", "-d", '{"a": 1, "b": 2}', f"{fastapi.url}/own/lenient"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert taken.stdout == "3"
        operation = fastapi.ask("/api/openapi.json").json["paths"]["/own/invoices"]["post"]
        assert "paid" in json.dumps(operation["callbacks"])

    def test_the_docs_page_can_finish_an_oauth2_login(self, fastapi: Served) -> None:
        page = fastapi.ask("/api/docs").body.decode()
        (address,) = re.findall(r"oauth2RedirectUrl[\"']?:\s*(?:window\.location\.origin \+ )?[\"']([^\"']+)", page)
        assert fastapi.ask(re.sub(r"^https?://[^/]+", "", address)).status == 200

    def test_several_workers_share_their_metrics(self, fastapi: Served, tmp_path: Path) -> None:
        """By the option that Uvicorn documents."""
        more = fastapi.variables | {"WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
        with serving(fastapi.project, tmp_path, "fastapi", **more) as two:
            for _ in range(20):
                two.ask("/own/page")
            assert all(eventually(lambda: counted(two, "/own/page") == 20) for _ in range(10))


def counted(served: Served, route: str) -> float:
    """How many requests of a route the metrics have."""
    families = text_string_to_metric_families(served.ask("/metrics").body.decode())
    samples = [sample for family in families for sample in family.samples if sample.labels.get("http_route") == route]
    return sum(sample.value for sample in samples if sample.name.endswith("_duration_seconds_count"))


# A variable of the owner's


REQUIRED = "    stripe_key: str\n"


UNMAILED = """
import sys
from PACKAGE import settings

settings.ADMINS = ["admin@example.com"]
settings.ROOT_URLCONF = "__main__"
for mailer in settings.MAILERS.values():
    mailer["OPTIONS"] = mailer["OPTIONS"] | {"host": "127.0.0.1", "port": int(sys.argv[1])}

import django
from django.test import Client
from django.urls import path
from PACKAGE.core.errors import handler500

django.setup()

def fail(request):
    raise RuntimeError("no cake")

urlpatterns = [path("failure", fail)]
client = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
response = client.get("/failure", headers={"X-Request-ID": "abc"})
print("RESULT", response.status_code, response.headers["X-Request-ID"])
"""


@pytest.mark.xdist_group("owner-django")
@pytest.mark.parametrize("silent", [False, True])
def test_a_mail_server_that_does_not_work_changes_no_response(prepared: dict[str, Project], silent: bool) -> None:
    """A port that refuses connections, or a server that accepts them and says nothing."""
    project = prepared["django"]
    script = UNMAILED.replace("PACKAGE", project.package.name)
    variables = PRODUCTION | {"DJANGO_SETTINGS_MODULE": f"{project.package.name}.settings"}
    command: list[str | Path] = [project.environment / "bin" / "python", "-c", script]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if silent else free_port()
        environment = project.variables | variables | {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"}
        start = time.monotonic()
        printed = run(*command, str(port), cwd=project.path, env=environment)
        assert time.monotonic() - start < 10
    *lines, result = printed.splitlines()
    assert result == "RESULT 500 abc"
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(each["event"] == "request" and each["status"] == 500 for each in events)
    assert any("RuntimeError: no cake" in each.get("exception", "") for each in events)


@pytest.mark.parametrize("name", [grouped(framework) for framework in FRAMEWORKS])
def test_a_required_variable_is_written_in_one_more_place(
    name: str, prepared: dict[str, Project], tmp_path: Path
) -> None:
    """`.env.test`, which the tests, the check and the build of Django's image read."""
    project = prepared[name].copy(tmp_path / "service")
    environment = project.package / "environment.py"
    replace(environment, "class Environment(CoreEnvironment):\n", f"class Environment(CoreEnvironment):\n{REQUIRED}\n")
    assert "STRIPE_KEY" in project.poe("--quiet", "environment", code=1)
    append(project.path / ".env.test", "STRIPE_KEY=only-for-tests\n")
    project.poe("--quiet", "environment", code=0, ENV_FILE=".env.test")
    project.poe("--quiet", "check", code=0, PYTEST_ADDOPTS="-k environment -p no:cacheprovider")
    if name == "django":
        static = {"ENV_FILE": ".env.test", "STATIC_ROOT": str(tmp_path / "static")}
        project.run("python", "manage.py", "collectstatic", "--noinput", code=0, **static)
        assert (tmp_path / "static").is_dir()
    dockerfile = (project.path / "Dockerfile").read_text()
    assert (".env.test" in dockerfile) == ("collectstatic" in dockerfile)
    assert ("!.env.test" in (project.path / ".dockerignore").read_text()) == (name == "django")


@pytest.mark.parametrize("name", [grouped(framework) for framework in FRAMEWORKS])
def test_a_shells_variables_do_not_reach_the_tests(name: str, prepared: dict[str, Project]) -> None:
    wrong = {"DATABASE_POOL_SIZE": "0", "debug": "maybe", "OTEL_SDK_DISABLED": "maybe", "STATIC_ROOT": "relative"}
    prepared[name].run("pytest", "-q", "-p", "no:cacheprovider", "tests/items", code=0, **wrong)


ORDINARY_SETTINGS = """
SECURE_SSL_REDIRECT = True
DATA_UPLOAD_MAX_MEMORY_SIZE = None
DATABASES["default"]["ATOMIC_REQUESTS"] = True
MIDDLEWARE.remove("django.middleware.clickjacking.XFrameOptionsMiddleware")
MIDDLEWARE.remove("django.middleware.csp.ContentSecurityPolicyMiddleware")
MIDDLEWARE.append("django.contrib.auth.middleware.LoginRequiredMiddleware")
"""


@pytest.mark.xdist_group("owner-django")
def test_settings_of_django_do_not_fail_the_templates_tests(prepared: dict[str, Project], tmp_path: Path) -> None:
    project = prepared["django"].copy(tmp_path / "service")
    append(project.package / "settings.py", ORDINARY_SETTINGS)
    for status in (400, 404):
        (project.package / "templates" / f"{status}.html").write_text('{% url "admin:index" %}')
    project.run("pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/core", code=0)


@pytest.mark.parametrize("name", [grouped(framework) for framework in FRAMEWORKS])
def test_lists_take_the_owners_entries_where_they_say_so(
    name: str, prepared: dict[str, Project], tmp_path: Path
) -> None:
    project = prepared[name].copy(tmp_path / "service")
    append(project.path / "pytest.ini", "    own: a marker of ours\nxfail_strict = true\n")
    assert "@pytest.mark.own: a marker of ours" in project.run("pytest", "--markers", code=0)
    squawk = project.path / ".squawk.toml"
    replace(squawk, "    # Yours follow.\n", '    # Yours follow.\n    "ban-char-field",\n')
    assert tomllib.loads(squawk.read_text())["excluded_rules"][-1] == "ban-char-field"
