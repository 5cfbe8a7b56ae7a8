"""A rendered project in operation: started by its own commands, seen only from outside."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.owner import replace
from tests.processes import CLEAN, answers, free_port
from tests.projects import MAIL, Answer, Project, ask

HERE = Path(__file__).parent
PASSWORD = "hunter2-of-the-database"  # noqa: S105
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "127.0.0.1,service.example.com",
    "SECRET_KEY": "no-secret-this-one-only-passes-the-check-0123456789",  # where the framework has one
    **MAIL,
}

# What the contract is tested on, and the answers that render it.
SUBJECTS = {
    "django": {"framework": "django"},
    "django_granian": {"framework": "django", "server": "granian"},
    "django_drf": {"framework": "django", "api": "drf"},
    "fastapi": {"framework": "fastapi"},
    "fastapi_admin": {"framework": "fastapi", "auth": "jwt", "data": "sqlmodel", "admin": "starlette_admin"},
}

# Seconds until a killed worker has a successor. Uvicorn looks every half second, but if it has just asked the worker
# whether it is alive, it waits 30 s for the answer (--timeout-worker-healthcheck).
REPLACED = 45
GRACE = 25  # seconds from SIGTERM to the end, with requests in flight: an orchestrator waits for 30
ESTABLISHED, LISTENING = "01", "0A"  # as /proc/net/tcp has them

Line = dict[str, Any]


# How an owner adds a router to each framework's project: which file, and what comes after which line.
ADDED = {
    "django": (
        "api.py",
        {
            "from .items.api import router as items\n": "from .probe.api import router as probe\n",
            'api.add_router("/v1/items", items)\n': 'api.add_router("/probe", probe)\n',
        },
    ),
    "django_drf": (
        "api.py",
        {
            "from .items.api import ItemViewSet\n": "from .probe import api as probe\n",
            "urlpatterns = [*router.urls]\n": "urlpatterns += [probe.urls]\n",
        },
    ),
    "fastapi": (
        "main.py",
        {
            "from .items import endpoints as items\n": "from .probe import endpoints as probe\n",
            "app.include_router(items.router)\n": "app.include_router(probe.router)\n",
        },
    ),
}


def add_the_probe(project: Path, framework: str) -> None:
    """Adds the suite's endpoints to the owner's files."""
    package = next(project.glob("*/core/about.py")).parents[1]
    if framework == "django" and "rest_framework" in (package / "api.py").read_text():
        framework = "django_drf"
    shutil.copytree(HERE / "probe" / framework, package, dirs_exist_ok=True)
    file, added = ADDED[framework]
    for line, another in added.items():
        replace(package / file, line, line + another)


def migrate(project: Project, url: str) -> None:
    """Brings a database up to date, as a deployment does."""
    project.poe("migrate", **PRODUCTION | {"DATABASE_URL": url})  # type: ignore[arg-type]  # `code` is no name


def with_password(url: str) -> str:
    """A database's URL as production has it; the server believes any password."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def eventually(condition: Callable[[], Any], seconds: float = 5) -> Any:
    """Waits for a true value and returns it, or the last value if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value


@dataclass
class Subject:
    """One instance of a service: a parent process with its workers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    host: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)  # of each request

    @property
    def url(self) -> str:
        """Where it answers, without the proxy."""
        return f"http://{self.host}:{self.port}"

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        """Sends a request on a connection of its own."""
        return ask(self.url + path, method, body, **self.headers | headers)

    def log_in(self) -> None:
        """Sends an access token of the account that `poe seed` has added."""
        form = {"grant_type": "password", "username": "dev@example.com", "password": "for-development"}
        body, kind = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        token = self.ask("/api/token", "POST", body, Content_Type=kind).json["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask_at_once(self, *paths: str) -> list[Answer | OSError]:
        """Sends requests at the same time; an answer that never came is its error."""

        def attempt(path: str) -> Answer | OSError:
            try:
                return self.ask(path)
            except OSError as error:
                return error

        with ThreadPoolExecutor(len(paths)) as threads:
            return list(threads.map(attempt, paths))

    def output(self) -> list[str]:
        """Every line that it has written to stdout or stderr."""
        return self.log.read_text(encoding="utf-8").splitlines()

    def lines(self, request_id: str = "") -> list[Line]:
        """Its log, or what belongs to one request in it, without what it is just writing."""
        lines = [json.loads(line) for line in self.output() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if not request_id or line.get("request_id") == request_id]

    def request_line(self, request_id: str) -> Line:
        """The line about a request that was answered, once it is there."""

        def written() -> Line | None:
            return next((line for line in self.lines(request_id) if "duration_ms" in line), None)

        line: Line | None = eventually(written)
        assert line, f"no line of a request {request_id} in\n{self.log.read_text()}"
        return line

    def workers(self) -> list[int]:
        """The processes that accept connections; the parent only where it has no such child."""
        listening = _rows(self.port, LISTENING)
        children = [pid for pid in self.descendants() if listening & _sockets(pid)]
        return sorted(children) or [self.process.pid]

    def descendants(self) -> set[int]:
        """The processes that the parent has started, whether they work yet or not."""
        return set(_descendants(self.process.pid))

    def connections(self, *workers: int) -> int:
        """How many connections the workers hold, all of them unless some are named."""
        established = _rows(self.port, ESTABLISHED)
        return sum(len(established & _sockets(pid)) for pid in workers or self.workers())

    def stop(self, seconds: float = GRACE) -> None:
        """Ends it by SIGTERM to the parent, as an orchestrator does, within the grace period."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        assert self.process.returncode in CLEAN, f"{self.descendants()} after {seconds} s\n{self.log.read_text()}"


@contextlib.contextmanager
def started(project: Project, log: Path, host: str = "127.0.0.1", **variables: str) -> Iterator[Subject]:
    """An instance on a free port until the block ends; it may have ended before."""
    port = int(variables.get("PORT") or free_port())
    own = {"PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(log.with_name("metrics"))}
    command = [*project.poe_command, "--quiet", "serve"]
    live = f"http://{host}:{port}/health/live"
    options = {"grace": 15, "clean": False}
    with project.in_its_image.running(
        command, PRODUCTION | own | variables, log, lambda: answers(live), **options
    ) as process:
        subject = Subject(process, port, log, host)
        assert eventually(lambda: len(subject.workers()) == int(variables.get("WEB_CONCURRENCY", "1")), 10)
        yield subject


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                yield child
                yield from _descendants(child)


def _rows(port: int, state: str) -> set[str]:
    """The sockets of a local port that are in some state, as links to them read."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == state and int(row[1].partition(":")[2], 16) == port}


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(str(descriptor.readlink()))
    return found
