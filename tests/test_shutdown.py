"""An instance that stops loses no request, as clients see it through the proxy that the project ships."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests import nginx
from tests.instances import Instance, instances
from tests.load import Outcome, load, send
from tests.owner import replace
from tests.postgres import Server, start
from tests.projects import Project, ask, set_up
from tests.tools import FRAMEWORKS, render

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not nginx.PROGRAM, reason="nginx is not installed")]

SECONDS = 8  # longer than the drain: the request outlasts the listening socket
SLOW = {
    "django": f'''

@api.get("/slow")
def slow(request: HttpRequest) -> str:
    """Take a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep({SECONDS})")
    return "whole" * 1000
''',
    "fastapi": f'''

slow = APIRouter()


@slow.get("/api/slow")
async def answer(session: Session) -> str:
    """Take a while."""
    await session.execute(text("SELECT pg_sleep({SECONDS})"))
    return "whole" * 1000


routers.append(slow)
''',
}
IMPORTS = {
    "django": "from django.db import connection\nfrom django.http import HttpRequest\n",
    "fastapi": "from sqlalchemy import text\nfrom .core.database import Session\n",
}

REFUSE = """
import os
from socket import create_connection, create_server

from {package}.core.workers import refuse_connections

with create_server(("127.0.0.1", 0)) as listener:
    with create_connection(listener.getsockname()) as client:
        if os.getuid() == 0:
            os.setuid(65534)
        refuse_connections(listener)
        try:
            create_connection(listener.getsockname(), timeout=3)
        except ConnectionRefusedError:
            client.sendall(b"request")
            with listener.accept()[0] as accepted:
                assert accepted.recv(7) == b"request"
        else:
            raise AssertionError("it is not refused")
"""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"shutdown-{name}")) for name in FRAMEWORKS],
)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an endpoint that takes a while."""
    framework = request.param
    path = render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework)
    main = next(path.glob("*/api.py" if framework == "django" else "*/routers.py"))
    replace(main, "\nfrom ", f"\n{IMPORTS[framework]}from ")
    main.write_text(main.read_text() + SLOW[framework])
    return set_up(path)


@pytest.fixture
def database(project: Project, postgres: Server) -> str:
    """The address of a new database with the project's tables."""
    url = postgres.create(f"shutdown_{project.path.parent.name}_{len(postgres.databases())}")
    project.poe("migrate", DATABASE_URL=url)
    return url


@pytest.fixture
def two(project: Project, database: str, tmp_path: Path) -> Iterator[list[Instance]]:
    """Two instances of two processes each."""
    with instances(project, tmp_path, 2, DATABASE_URL=database, WEB_CONCURRENCY="2") as running:
        yield running


def read_or_write(number: int) -> tuple[str, str, object]:
    """Half of the requests change something, and may reach the service only once."""
    if number % 2:
        return "POST", "/api/items", {"name": f"Item {number}"}
    return "GET", "/api/items?limit=1", None


def get_slow(url: str) -> Outcome:
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        return send(connection, "GET", "/api/slow")


def test_restarting_one_instance_after_the_other_loses_no_request(
    two: list[Instance], project: Project, postgres: Server, tmp_path: Path
) -> None:
    addresses = [instance.address for instance in two]
    with (
        nginx.started(project.path, tmp_path / "nginx", addresses) as url,
        ThreadPoolExecutor() as slow_clients,
        load(url, read_or_write) as clients,
    ):
        clients.wait_for(100)
        for instance in two:
            slow = [slow_clients.submit(get_slow, address) for address in (instance.url, url, url, url)]
            postgres.wait_for_queries("pg_sleep", len(slow))
            assert instance.stop() == 0
            assert [answer.result() for answer in slow] == [Outcome("GET", "/api/slow", 200)] * len(slow)
            clients.wait_for(100)
            before = instance.requests()
            instance.start()
            # nginx sends it nothing for some seconds: not before it does is the other one dispensable.
            deadline = time.monotonic() + 30
            while instance.requests() < before + 10:
                assert time.monotonic() < deadline, "nginx does not use it again"
                clients.wait_for(10)
    assert clients.failures == []
    statuses = Counter((outcome.method, outcome.status) for outcome in clients.outcomes)
    assert set(statuses) == {("GET", 200), ("POST", 201)}
    # None was done twice either.
    assert ask(f"{two[0].url}/api/items?limit=1").json["total"] == statuses["POST", 201]


def test_every_process_says_so_while_it_drains(two: list[Instance]) -> None:
    instance = two[0]
    instance.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 3
    # Each on a new connection, which any process may get.
    while {ask(f"{instance.url}/health/ready").status for _ in range(20)} != {503}:
        assert time.monotonic() < deadline
    answer = ask(f"{instance.url}/health/ready")
    assert answer.json["checks"] == {"server": "failed"}
    assert answer.headers["Connection"] == "close"
    assert {ask(f"{instance.url}/api/items").status for _ in range(20)} == {200}
    instance.process.send_signal(signal.SIGTERM)  # the second one ends the drain
    assert instance.process.wait(timeout=4) == 0


def test_who_waits_is_taken_and_who_comes_later_refused(project: Project) -> None:
    """At the end of a drain, by a process that has no privilege."""
    project.run("python", "-c", REFUSE.format(package=next(project.path.glob("*/core/workers.py")).parents[1].name))


def test_a_killed_process_is_replaced_and_only_what_it_held_is_lost(two: list[Instance]) -> None:
    instance = two[0]
    before = instance.workers()
    assert len(before) == 2
    os.kill(before.pop(), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while len(instance.workers()) < 2 or before - instance.workers():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {ask(f"{instance.url}/api/items").status for _ in range(20)} == {200}
    assert instance.stop() == 0


def test_readiness_follows_the_database(project: Project, tmp_path: Path) -> None:
    with start() as server:
        url = server.create("service")
        project.poe("migrate", DATABASE_URL=url)
        with instances(project, tmp_path, 1, DATABASE_URL=url, WEB_CONCURRENCY="2") as (instance,):
            assert get_items(instance, at_once=10) == {200}  # each process has open connections now
            server.stop()
            instance.wait_until(503, seconds=5)
            assert ask(f"{instance.url}/health/live").status == 200
            # Long enough for a pool to lose patience: a request of Django's waits for five seconds.
            assert [ask(f"{instance.url}/api/items").status for _ in range(3)] == [503] * 3
            server.start()
            instance.wait_until(200, seconds=5)
            # A restart between two probes: no request gets a connection that is closed already.
            assert get_items(instance, at_once=10) == {200}
            server.stop()
            server.start()
            assert get_items(instance) == {200}
            assert instance.stop() == 0


def get_items(instance: Instance, at_once: int = 1) -> set[int]:
    with ThreadPoolExecutor(at_once) as clients:
        return {answer.status for answer in clients.map(ask, [f"{instance.url}/api/items"] * 20)}
