"""One project a subject, with the suite's endpoints in it, and instances of it in operation.

Tests that only look share an instance; a test that breaks something starts its own.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import pytest

from tests import nginx
from tests.conformance.collector import Collector, collecting
from tests.conformance.subject import SUBJECTS, Subject, add_the_probe, migrate, started, with_password
from tests.postgres import Server
from tests.postgres import start as start_postgres
from tests.projects import Project, set_up
from tests.tools import render

Start = Callable[..., AbstractContextManager[Subject]]
Proxy = Callable[..., AbstractContextManager[str]]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=[pytest.mark.slow, pytest.mark.xdist_group(f"conformance-{name}")])
        for name in SUBJECTS
    ],
)
def framework(request: pytest.FixtureRequest) -> str:
    """Every test runs once for each, and does not ask which it is."""
    return str(request.param)


@pytest.fixture
def once_per_framework(framework: str) -> None:
    """For tests of the database, which cost time and do not depend on the server or the API."""
    if {"server", "api"} & SUBJECTS[framework].keys():
        pytest.skip("the framework's first subject shows it")


@pytest.fixture(scope="session")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """The projects by the names of SUBJECTS."""

    @cache
    def project(name: str) -> Project:
        path = render(template, tmp_path_factory.mktemp(name) / "service", **SUBJECTS[name])
        add_the_probe(path, SUBJECTS[name]["framework"])
        return set_up(path)

    return project


@pytest.fixture(scope="session")
def project(framework: str, projects: Callable[[str], Project]) -> Project:
    return projects(framework)


@pytest.fixture(scope="session")
def databases(postgres: Server, projects: Callable[[str], Project]) -> Callable[[str], str]:
    """A migrated database a project, by its URL."""

    @cache
    def database(framework: str) -> str:
        url = with_password(postgres.create(f"conformance_{framework}"))
        migrate(projects(framework), url)
        return url

    return database


@pytest.fixture(scope="session")
def start(
    framework: str,
    projects: Callable[[str], Project],
    databases: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Start:
    """Starts an instance: two workers, and any variables that are given."""

    def instance(*, of: str = framework, **variables: str) -> AbstractContextManager[Subject]:
        if "DATABASE_URL" not in variables:
            variables["DATABASE_URL"] = databases(of)
        log = tmp_path_factory.mktemp("instance") / "log"
        return started(projects(of), log, **{"WEB_CONCURRENCY": "2", **variables})

    return instance


@pytest.fixture(scope="session")
def service(start: Start) -> Iterator[Subject]:
    """An instance with nothing optional turned on."""
    with start() as subject:
        yield subject


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def options(collector: Collector) -> dict[str, str]:
    """The variables that turn on everything optional; both of the last are OpenTelemetry's own."""
    return {
        "API_DOCS": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds until spans are exported
    }


@pytest.fixture(scope="session")
def traced(start: Start, collector: Collector) -> Iterator[Subject]:
    """An instance with everything optional turned on."""
    with start(**options(collector)) as subject:
        yield subject


@pytest.fixture(scope="session")
def other(framework: str, start: Start, collector: Collector) -> Iterator[Subject]:
    """Likewise, of another framework."""
    own = SUBJECTS[framework]["framework"]
    another = next(name for name, answers in SUBJECTS.items() if answers["framework"] != own)
    with start(of=another, **options(collector)) as subject:
        yield subject


@pytest.fixture(scope="session")
def proxy(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    """Puts the proxy that the project ships in front of instances; gives its URL."""
    if not nginx.PROGRAM:
        pytest.skip("needs nginx")

    def in_front_of(*subjects: Subject) -> AbstractContextManager[str]:
        servers = [f"127.0.0.1:{subject.port}" for subject in subjects]
        return nginx.started(project.path, tmp_path_factory.mktemp("nginx"), servers)

    return in_front_of


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A database server that the test may stop."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def own_database(own_postgres: Server, project: Project) -> str:
    """A migrated database on that server."""
    url = with_password(own_postgres.create("service"))
    migrate(project, url)
    return url
