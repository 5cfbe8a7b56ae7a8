"""Proxy and service have the same limits, and both report errors as problem details."""

import contextlib
import json
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.conformance.conftest import Proxy
from tests.conformance.subject import Subject
from tests.conformance.test_errors import assert_problem
from tests.projects import ask

CLIENTS = 100  # as many as nginx lets one address have


@pytest.fixture(scope="module")
def public(service: Subject, proxy: Proxy) -> Iterator[str]:
    """The service as the world sees it."""
    with proxy(service) as url:
        yield url


@pytest.mark.parametrize("length", [5000, 7000])
def test_a_long_address_passes_every_layer(public: str, service: Subject, length: int) -> None:
    path = f"/api/probe/sleep?seconds=0&note={'x' * length}"
    assert service.ask(path).status == 200
    assert ask(public + path).status == 200


def test_a_longer_address_is_refused_by_the_proxy(public: str) -> None:
    assert_problem(ask(f"{public}/api/v1/items?note={'x' * 20_000}"), 414)


@pytest.mark.parametrize(("size", "status"), [(1, 201), (101, 422), (2 * 1024 * 1024, 413)])
def test_a_body_of_unknown_length_passes_the_proxy(public: str, size: int, status: int) -> None:
    """Within the same limits as any other."""
    body = json.dumps({"name": uuid.uuid4().hex.ljust(size, "x")}).encode()
    with closing(HTTPConnection(urlsplit(public).netloc, timeout=10)) as client:
        chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
        with contextlib.suppress(ConnectionError):  # it may answer before it has read everything
            client.request("POST", "/api/v1/items", chunks, {"Content-Type": "application/json"}, encode_chunked=True)
        assert client.getresponse().status == status


def test_slow_clients_do_not_occupy_the_service(public: str, service: Subject) -> None:
    """Their requests are half sent: the proxy waits for the rest, and passes on what is whole."""
    netloc = urlsplit(public).netloc
    head = f"POST /api/v1/items HTTP/1.1\r\nHost: {netloc}\r\nContent-Type: application/json\r\nContent-Length: 400\r\n"
    halves = (head.encode(), f'{head}\r\n{{"name"'.encode())
    with ExitStack() as clients:
        for number in range(CLIENTS - 10):
            client = socket.create_connection(("127.0.0.1", int(netloc.partition(":")[2])))
            clients.enter_context(closing(client)).sendall(halves[number % 2])
        time.sleep(0.3)
        for _ in range(20):
            before = time.monotonic()
            assert service.ask("/health/live").status == 200
            assert ask(f"{public}/api/v1/items?limit=1").status == 200
            assert time.monotonic() - before < 2
