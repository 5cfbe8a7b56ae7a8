"""Clients that send a part of a request and then nothing: why Django has nginx in front of it, also in a pod."""

import contextlib
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import nginx
from tests.conformance.subject import Subject, started
from tests.postgres import Server
from tests.projects import Project, set_up
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not nginx.PROGRAM, reason="nginx is not installed")]
HALF = (
    b"POST /api/v1/items HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n"
    b'{"na'
)


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = tmp_path_factory.mktemp("slow") / "service"
    return set_up(render(template, path, framework="django", target=["kubernetes"], media="none"))


@pytest.fixture(scope="module")
def instance(project: Project, postgres: Server) -> Iterator[Subject]:
    """One process of four threads."""
    database = postgres.create("slow_clients")
    project.poe("migrate", DATABASE_URL=database)
    log = project.path.with_name("log")
    with started(project, log, DATABASE_URL=database, WEB_CONCURRENCY="1") as running:
        yield running


@contextlib.contextmanager
def half_sent(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections on each of which a part of a request has come."""
    parts = urlsplit(url)
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((parts.hostname or "", parts.port or 0), 10))
            connection.sendall(HALF)
            connections.append(connection)
        time.sleep(0.5)
        yield connections


def status(url: str, path: str, body: str | None = None, source: str = "127.0.0.1") -> int:
    """How it answers within three seconds; 0 if it does not."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=3, source_address=(source, 0))
    with contextlib.closing(connection):
        try:
            connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0


def test_four_slow_clients_stop_gunicorn_alone(instance: Subject) -> None:
    assert status(instance.url, "/health/live") == 200
    with half_sent(instance.url, 4):
        assert status(instance.url, "/health/live") == 0


def test_a_hundred_slow_clients_do_not_reach_django_behind_nginx(
    project: Project, instance: Subject, tmp_path: Path
) -> None:
    """The same configuration as in a pod, where both instances are the same; probes go straight to the server."""
    servers = [f"127.0.0.1:{instance.port}"]
    with nginx.running(project.path, tmp_path, servers) as proxy, half_sent(proxy.url, 100) as slow:
        for number in range(20):
            for path in ("/health/live", "/health/ready", "/metrics"):
                assert status(instance.url, path) == 200
            assert status(proxy.url, "/api/v1/items", source="127.0.0.2") == 200
            body = f'{{"name": "Item {number}", "description": "x", "quantity": 1}}'
            assert status(proxy.url, "/api/v1/items", body, source="127.0.0.2") == 201
        for connection in slow[:3]:  # they are still there
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
