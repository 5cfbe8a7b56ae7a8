"""Rendered projects, and the environments that their commands run in."""

import configparser
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import yaml

from groundplan import interpreters
from tests import processes
from tests.postgres import Server
from tests.tools import made_once, render, run, shared, texts


@dataclass(frozen=True)
class Project:
    """A rendered project and the environment that its commands run in."""

    path: Path
    environment: Path
    tools: Path | None = None  # another environment, which has the tools that this one lacks

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that `source .venv/bin/activate` would set, and a place for mypy's cache."""
        path = f"{self.environment / 'bin'}:{os.environ['PATH']}"
        return {"VIRTUAL_ENV": str(self.environment), "PATH": path, "MYPY_CACHE_DIR": str(self.known_types)}

    @property
    def known_types(self) -> Path:
        """What this worker's mypy knows of packages. Django's plugin forgets it where the apps are others."""
        settings = self.package / "settings.py"
        _, _, text = settings.read_text().partition("INSTALLED_APPS = ") if settings.exists() else ("", "", "")
        apps = hashlib.sha256(text.partition("]")[0].encode()).hexdigest()[:16]
        return shared() / "types" / os.environ.get("PYTEST_XDIST_WORKER", "all") / apps

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """Runs a program of the project's environment in the project."""
        program = self.environment / "bin" / command[0]
        return run(program, *command[1:], cwd=self.path, env=self.variables | variables, code=code)

    @property
    def package(self) -> Path:
        """The directory of its package."""
        return next(self.path.glob("*/core/about.py")).parents[1]

    def copy(self, destination: Path) -> "Project":
        """A copy to edit, which uses the same environment."""
        ignored = shutil.ignore_patterns(".venv", "*.sqlite3", "__pycache__", ".*_cache")
        return Project(Path(shutil.copytree(self.path, destination, ignore=ignored)), self.environment)

    @property
    def poe_command(self) -> list[str | Path]:
        """What a verb follows; poe itself looks for an environment nowhere but in `.venv`."""
        own = self.environment == self.path / ".venv"
        return [(self.tools or self.environment) / "bin" / "poe", *([] if own else ["--executor", "simple"])]

    @property
    def in_its_image(self) -> "Project":
        """With the packages that its image has: what production needs must not come with a tool."""

        def install(environment: Path) -> None:
            Project(self.path, environment).uv("sync", *LOCKED, "--no-default-groups", "--group", "service")

        return Project(self.path, made_once(environment_of(self.path, "service"), install), tools=self.environment)

    def poe(self, *verb: str, code: int = 0, **variables: str) -> str:
        """Runs one of the project's verbs."""
        return run(*self.poe_command, *verb, cwd=self.path, env=self.variables | variables, code=code)

    def running(
        self,
        command: Sequence[str | Path],
        variables: dict[str, str],
        log: Path,
        ready: Callable[[], object] = lambda: True,
        **options: Any,
    ) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        """Starts a program of the project's environment until a block ends: see `processes.running`."""
        program = self.environment / "bin" / command[0]
        environment = os.environ | self.variables | variables
        return processes.running([program, *command[1:]], log, ready, cwd=self.path, env=environment, **options)

    def uv(self, *arguments: str) -> str:
        """Runs uv in the project."""
        variables = {"UV_PYTHON": PYTHON, "UV_PROJECT_ENVIRONMENT": str(self.environment)}
        return run(UV, *arguments, cwd=self.path, env=variables)


UV = Path(sys.executable).with_name("uv")
LOCKED = ("--locked", "--quiet")  # of `uv sync`
PYTHON = interpreters.find() or "no interpreter for the rendered projects"


# As PYTEST_ADDOPTS, which reaches pytest through every verb: without those of a project's tests that start processes.
# They run in test_rendered.py, once for each framework, database and server.
QUICK = "-m 'not slow'"


def set_up(path: Path) -> Project:
    """A project with an environment that holds what its lock pins, for tests that install nothing more.

    Those of the same lock share one: it is made once a run.
    """

    def install(environment: Path) -> None:
        Project(path, environment).uv("sync", *LOCKED)

    return Project(path, made_once(environment_of(path, "all"), install))


def environment_of(path: Path, groups: str) -> Path:
    """Where projects with the same lock have the packages of some groups."""
    lock = (path / "uv.lock").read_text(encoding="utf-8")
    name = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    pinned = hashlib.sha256(lock.replace(f'"{name}"', "the project").encode()).hexdigest()[:16]
    return shared() / "environments" / f"{pinned}-{groups}"


def set_up_alone(path: Path) -> Project:
    """Installs what the project's lock pins into its own `.venv`, as its README says."""
    project = Project(path, path / ".venv")
    project.uv("sync", *LOCKED)
    return project


# Variables that production requires of a service with a login. Nothing listens there.
MAIL = {"MAIL_URL": "smtp+tls://user:password@127.0.0.1:9", "MAIL_FROM": "service@example.com"}


@dataclass(frozen=True)
class Service:
    """A project that is being served, with which variables, and where."""

    project: Project
    variables: dict[str, str]
    url: str


@contextlib.contextmanager
def in_production(
    template: Path, framework: str, directory: Path, postgres: Server, mail: str = MAIL["MAIL_URL"], **answers: object
) -> Iterator[Service]:
    """A project from the default answers and these, served as in production but with its API's page."""
    project = set_up(render(template, directory / "service", framework=framework, **answers))
    variables = {"DATABASE_URL": postgres.create(re.sub(r"\W", "_", f"production_{directory.name}").lower())}
    project.poe("migrate", DATABASE_URL=variables["DATABASE_URL"])
    variables |= {"ENVIRONMENT": "production", "API_DOCS": "true", "ALLOWED_HOSTS": "localhost,127.0.0.1"}
    variables |= {"SECRET_KEY": secrets.token_urlsafe(50), "WEB_CONCURRENCY": "2"} | MAIL | {"MAIL_URL": mail}
    variables["PROMETHEUS_MULTIPROC_DIR"] = str(directory / "metrics")  # as in the image
    with served(project, "serve", directory / "log", **variables) as url:
        yield Service(project, variables, url)


def token_of_superuser(service: Service) -> str:
    """A token for the API of a Django project, of a new superuser."""
    poe, url = service.project.poe, service.variables["DATABASE_URL"]
    poe(
        *("manage", "createsuperuser", "--noinput"),
        DATABASE_URL=url,
        DJANGO_SUPERUSER_EMAIL="dev@example.com",
        DJANGO_SUPERUSER_PASSWORD="for-development",  # noqa: S106
    )
    return poe("manage", "token", "create", "dev@example.com", "client", DATABASE_URL=url).split()[-1]


def parse_all(project: Path) -> None:
    """Fails where a file of a kind that has a syntax breaks it."""
    program = (
        "import ast, pathlib, sys; [ast.parse(p.read_text('utf-8')) for p in pathlib.Path(sys.argv[1]).rglob('*.py')]"
    )
    run(PYTHON, "-c", program, project)
    for name, text in texts(project).items():
        if name.endswith((".toml", "uv.lock")):
            tomllib.loads(text)
        elif name.endswith((".yml", ".yaml")):
            list(yaml.safe_load_all(without_tags(text)))
        elif name.endswith(".ini"):
            configparser.ConfigParser(interpolation=None).read_string(text)


def without_tags(text: str) -> str:
    """YAML without CloudFormation's tags, whose meaning cfn-lint checks."""
    return re.sub(r"!(Sub|Ref|If|Equals|Not|Join|GetAtt|FindInMap)\b", "", text)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Message  # its names in any case
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def ask(url: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
    """Sends a request; `body` goes as JSON, bytes as they are."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


@contextlib.contextmanager
def served(project: Project, verb: str, log: Path, **variables: str) -> Iterator[str]:
    """The project's server until the block ends, which must be a clean end; gives its URL. PORT may be given."""
    environment = {"PORT": str(processes.free_port()), **variables}
    url = f"http://127.0.0.1:{environment['PORT']}"
    serving = project.in_its_image if verb == "serve" else project
    command = [*serving.poe_command, "--quiet", verb]
    with serving.running(command, environment, log, lambda: processes.answers(f"{url}/health/live")):
        yield url
