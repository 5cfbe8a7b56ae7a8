"""Jobs on real servers: workers are killed, the queue stops, and still every effect happens once."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.owner import remove_the_example
from tests.postgres import Server
from tests.processes import free_port
from tests.projects import Project, ask, set_up
from tests.redis import Server as Redis
from tests.tools import OPTIONS, render

pytestmark = [pytest.mark.slow, pytest.mark.in_turn, pytest.mark.option("django_tasks", "celery", "taskiq")]

ROWS, EACH = 2000, 100  # of an import, and of each of its parts
NUMBERS = itertools.count()
# Sends what is lost, without the minutes that the scheduler waits.
RESEND = "from datetime import timedelta; from my_service.background.jobs import resend; resend(timedelta(0))"
RESEND_OF_FASTAPI = """
import asyncio
from datetime import timedelta
from my_service.background.queue import resend
from my_service.core.database import create_engine
from my_service.environment import environment
asyncio.run(resend(create_engine(environment.database_url), timedelta(0)))
"""


@dataclass
class Subject:
    """A project with its own database."""

    kind: str
    project: Project
    postgres: Server
    redis: Redis
    directory: Path
    variables: dict[str, Any]

    @property
    def is_django(self) -> bool:
        return self.kind != "taskiq"

    def command(self, name: str) -> list[str]:
        """The worker or the scheduler, as the project's verbs start them."""
        words: str = OPTIONS["options"]["tasks"][self.kind]["commands"][name]
        return words.replace("{slug}", "my_service").split()

    @contextlib.contextmanager
    def worker(self, clean: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker that can get work."""
        number = next(NUMBERS)
        beat, log = self.directory / f"beat-{number}", self.directory / f"log-{number}"
        variables = self.variables | {"WORKER_HEARTBEAT": str(beat)}

        def ready() -> bool:
            """Celery ends with an error if it is stopped while its processes start."""
            return beat.exists() and (self.kind != "celery" or " ready." in log.read_text())

        with self.project.in_its_image.running(self.command("worker"), variables, log, ready, clean=clean) as process:
            yield process

    def python(self, *words: str) -> str:
        """Runs Python in the project."""
        return self.project.run("python", *words, **self.variables)

    def resend(self) -> None:
        """Sends what is lost, or waits to be tried again: on a busy machine, `blocked` lets a part fail."""
        self.sql("UPDATE background_job SET due_at = now() WHERE due_at > now()")
        self.python(*(["manage.py", "shell", "-c", RESEND] if self.is_django else ["-c", RESEND_OF_FASTAPI]))

    def sql(self, query: str) -> str:
        """What a query returns. It has the names of Django's tables."""
        return self.postgres.query(self.named(query), self.variables["DATABASE_URL"]).strip()

    def named(self, query: str) -> str:
        """The query with the names of this project's tables."""
        if self.is_django:
            return query
        return query.replace("background_job", "jobs").replace("items_item", "items")

    def start(self, rows: int = ROWS) -> str:
        """Starts an import of deliveries: one of each of `rows` items."""
        file = self.directory / "deliveries.csv"
        file.write_text("name,quantity\n" + "".join(f"item {number},1\n" for number in range(rows)))
        command = ["manage.py", "importdeliveries"] if self.is_django else ["-m", "my_service.item_jobs"]
        return self.python(*command, str(file)).strip().splitlines()[-1]

    def job(self, job: str) -> tuple[str, int]:
        """The status of a job and how many of its parts are done."""
        rows = self.sql("SELECT id, status, position FROM background_job").splitlines()
        status, position = next(row.split("|")[1:] for row in rows if row.startswith(job))
        return status, int(position)

    def has_imported_once(self, rows: int = ROWS) -> bool:
        """Whether each item was delivered once."""
        return self.sql("SELECT count(*), min(quantity), max(quantity) FROM items_item") == f"{rows}|1|1"


def wait_until(condition: Callable[[], Any], seconds: float = 120) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["django_tasks", "celery", "taskiq"])
def made(
    request: pytest.FixtureRequest,
    template: Path,
    postgres: Server,
    redis: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Subject:
    directory = tmp_path_factory.mktemp(request.param)
    framework = "fastapi" if request.param == "taskiq" else "django"
    answers = {"login": "django", "media": "none"} if framework == "django" else {}
    path = render(template, directory / "service", framework=framework, tasks=request.param, admin="none", **answers)
    variables = {"DATABASE_URL": postgres.create(f"tasks_{request.param}"), "REDIS_URL": redis.url, "DEBUG": "false"}
    if request.param == "django_tasks":
        del variables["REDIS_URL"]
    subject = Subject(request.param, set_up(path), postgres, redis, directory, variables)
    subject.project.poe("migrate", code=0, **variables)
    return subject


@pytest.fixture
def subject(made: Subject) -> Subject:
    """With no jobs, items or messages of earlier tests."""
    queue = ", django_tasks_database_dbtaskresult" if made.kind == "django_tasks" else ""
    made.sql(f"TRUNCATE background_job, items_item{queue} CASCADE")
    made.redis.ask("FLUSHALL")
    return made


def blocked(subject: Subject) -> contextlib.AbstractContextManager[None]:
    """Lets an import wait in its sixteenth part until the block ends."""
    subject.sql("INSERT INTO items_item VALUES (DEFAULT, 'item 1550', '', 0, now(), now())")
    lock = subject.named("SELECT id FROM items_item FOR UPDATE")
    return subject.postgres.holding(lock, subject.variables["DATABASE_URL"])


def test_a_killed_worker_loses_nothing_and_repeats_nothing(subject: Subject) -> None:
    with blocked(subject), subject.worker(clean=False) as worker:
        job = subject.start()
        wait_until(lambda: subject.job(job)[1] == 15)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(20)
    assert subject.job(job) == ("running", 15)
    with subject.worker():
        subject.resend()
        wait_until(lambda: subject.job(job)[0] == "done")
    assert subject.has_imported_once()


def test_a_worker_that_stops_finishes_its_part(subject: Subject) -> None:
    with subject.worker() as worker:
        with blocked(subject):
            job = subject.start()
            wait_until(lambda: subject.job(job)[1] == 15)
            worker.terminate()
        assert worker.wait(40) in (0, -signal.SIGTERM)
    with subject.worker():
        if not subject.is_django and subject.job(job)[0] != "done":
            subject.resend()  # it failed before, and the scheduler would try again
        wait_until(lambda: subject.job(job)[0] == "done")
    assert subject.has_imported_once()


def test_two_workers_and_repeated_messages_have_each_effect_once(subject: Subject) -> None:
    with subject.worker(), subject.worker():
        job = subject.start()
        for _ in range(2):
            subject.resend()
        wait_until(lambda: subject.job(job)[0] == "done")
    assert subject.has_imported_once()


def test_a_queue_that_stops_loses_nothing(subject: Subject) -> None:
    """Neither a job that runs, nor one that starts while it is down, nor what waits in it."""
    if subject.kind == "django_tasks":
        pytest.skip("its queue is the database")
    waiting = subject.start(50)
    # Celery's worker ends with an error if Redis goes while it holds a message; what runs it starts it again.
    with subject.worker(clean=False), subject.redis.stopped():
        started = subject.start(100)
    with subject.worker():
        subject.resend()
        wait_until(lambda: {subject.job(job)[0] for job in (waiting, started)} == {"done"})
    assert subject.sql("SELECT count(*), min(quantity), max(quantity) FROM items_item") == "100|1|2"


def test_a_database_that_is_killed_loses_nothing(subject: Subject) -> None:
    with subject.worker(clean=False):
        with blocked(subject):
            job = subject.start()
            wait_until(lambda: subject.job(job)[1] == 15)
            with subject.postgres.stopped():
                pass
        assert subject.job(job) == ("running", 15)
    with subject.worker():
        subject.resend()
        wait_until(lambda: subject.job(job)[0] == "done")
    assert subject.has_imported_once()


def test_the_scheduler_repeats_and_serves_metrics(subject: Subject, tmp_path: Path) -> None:
    job = subject.start(50)
    if subject.kind != "django_tasks":
        subject.redis.ask("FLUSHALL")
    else:
        subject.sql("UPDATE django_tasks_database_dbtaskresult SET status = 'RUNNING'")  # as a killed worker leaves it
    subject.sql("UPDATE background_job SET due_at = now() - interval '1h', sent_at = now() - interval '1h'")
    port = free_port()

    def scrape() -> str:
        with contextlib.suppress(OSError):
            return ask(f"http://127.0.0.1:{port}/metrics").body.decode()
        return ""

    variables = subject.variables | {"SCHEDULER_PORT": str(port)}
    command = subject.command("schedule")
    with subject.project.in_its_image.running(
        command, variables, tmp_path / "log", lambda: "jobs_due 1.0\n" in scrape()
    ):
        assert float(re.findall(r"^jobs_oldest_seconds (\S+)$", scrape(), re.MULTILINE)[0]) > 3000
        with subject.worker():
            wait_until(lambda: subject.job(job)[0] == "done")
        assert "jobs_due 0.0\n" in scrape()
    assert "job is sent again" in (tmp_path / "log").read_text()


def test_the_example_can_be_removed(subject: Subject, tmp_path: Path) -> None:
    """The other tests then pass, also the one that needs Redis."""
    if subject.is_django:
        pytest.skip("test_live.py does it")
    copy = subject.project.copy(tmp_path / "service")
    remove_the_example(copy, "fastapi")
    copy.poe("lint")
    copy.poe("types")
    files = ("tests/core/test_jobs.py", "tests/core/test_migrations.py")
    printed = copy.run("pytest", "-q", "-rs", *files, REDIS_URL=subject.redis.url)
    assert "REDIS_URL" not in printed  # which is why that one is skipped elsewhere


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize(("framework", "tasks"), [("django", "celery"), ("fastapi", "taskiq")])
def test_pipelines_run_the_tests_with_redis(
    template: Path, tmp_path: Path, framework: str, tasks: str, ci: str
) -> None:
    project = render(template, tmp_path / "service", framework=framework, tasks=tasks, ci=ci)
    if ci == "github":
        job = yaml.safe_load((project / ".github/workflows/check.yml").read_text())["jobs"]["postgresql"]
        assert job["env"]["REDIS_URL"] == "redis://127.0.0.1:6379/0"
        assert job["services"]["redis"]["ports"] == ["127.0.0.1:6379:6379"]
        assert "env" not in job["services"]["redis"]  # GitHub refuses an empty one
    else:
        job = yaml.safe_load((project / ".gitlab-ci.yml").read_text())["postgresql"]
        assert job["variables"]["REDIS_URL"] == "redis://redis:6379/0"
        assert "redis" in [service["alias"] for service in job["services"]]
