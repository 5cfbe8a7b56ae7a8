"""Prometheus reads one true sum, whichever worker answers, and the public reads nothing."""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import REQUESTS, Metrics, scrape, scraped_once
from tests.conformance.subject import REPLACED, Subject, eventually
from tests.conformance.test_errors import assert_problem

ITEM = "/api/v1/items/{item_id}"
SECONDS = "http_server_request_duration_seconds_sum"


def test_names_types_and_labels(service: Subject) -> None:
    service.ask("/api/v1/items/999999")
    metrics = scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) > 0)
    types = {
        "http_server_request_duration_seconds": "histogram",
        "http_server_active_requests": "gauge",
        "db_client_connection_count": "gauge",
        "db_client_connection_max": "gauge",
    }
    assert types.items() <= metrics.types.items()
    assert metrics.sum(REQUESTS, http_request_method="GET", http_route=ITEM, http_response_status_code="404") > 0
    assert metrics.has("http_server_active_requests")
    assert {labels["state"] for labels in metrics.labels("db_client_connection_count")} == {"idle", "used"}
    # 10 per process, if nobody sets DATABASE_POOL_SIZE; a process that had no request yet may not count.
    assert metrics.sum("db_client_connection_max") in {10, 20}


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_promtool_understands_it(service: Subject) -> None:
    service.ask("/api/v1/items")
    text = scrape(service).text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    complaints = (check.stdout + check.stderr).splitlines()
    # Its advice on names does not fit where OpenTelemetry names a gauge a count.
    assert [line for line in complaints if not line.startswith("db_client_connection_count ")] == []


@contextmanager
def connected(service: Subject, worker: int) -> Iterator[HTTPConnection]:
    """A connection to one worker: the others are stopped while it is made.

    If each worker has a listening socket of its own, the kernel connects clients to stopped workers too: those
    attempts are in vain.
    """
    sleeping = [pid for pid in service.workers() if pid != worker]
    assert eventually(lambda: service.connections() == 0)
    with ExitStack() as stack:
        for pid in sleeping:
            os.kill(pid, signal.SIGSTOP)
            stack.callback(os.kill, pid, signal.SIGCONT)
        for _ in range(30):
            connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", service.port, timeout=10)))
            connection.connect()
            if eventually(lambda: service.connections(worker), 0.2):
                break
        yield connection


def test_counts_are_exact_with_several_workers(start: Start) -> None:
    """Also after one was killed: what it counted stays."""
    with start() as service:
        for worker, path in zip(service.workers(), ("/api/v1/items/1", "/api/v1/items/2"), strict=True):
            with connected(service, worker) as connection:
                for _ in range(50):
                    connection.request("GET", path)
                    connection.getresponse().read()
        scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) == 100)
        for _ in range(20):  # whichever worker answers
            metrics = scrape(service)
            assert metrics.sum(REQUESTS, http_route=ITEM) == 100
            assert metrics.sum("http_server_request_duration_seconds_bucket", http_route=ITEM, le="+Inf") == 100

        with ThreadPoolExecutor(1) as threads:
            # Fewer than the threads of a worker: if one gets them all, it can still answer the scrape.
            held = threads.submit(service.ask_at_once, *["/api/probe/sleep?seconds=8"] * 3)
            scraped_once(service, lambda metrics: metrics.sum("http_server_active_requests") == 3)
            held.result()
        scraped_once(service, lambda metrics: metrics.sum("http_server_active_requests") == 0)

        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and service.workers() != before, REPLACED)
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(service.ask, ["/api/v1/items/3"] * 30))
        scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) == 130)


def test_connections_in_use_are_told_from_idle_ones(service: Subject) -> None:
    """As of the last request that ended in each worker."""

    def used_after(requests: int) -> float:
        assert {service.ask("/api/v1/items?limit=1").status for _ in range(requests)} == {200}
        return scrape(service).sum("db_client_connection_count", state="used")

    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(service.ask_at_once, *["/api/probe/query?seconds=4"] * 3)
        assert eventually(lambda: used_after(5) >= 3)
        answers.result()
    assert eventually(lambda: used_after(5) == 0)
    assert scrape(service).sum("db_client_connection_count", state="idle") > 0


@pytest.mark.parametrize("path", ["/api/probe/stream", "/api/probe/background"])
def test_what_follows_the_start_of_a_response_is_not_slow(service: Subject, path: str) -> None:
    """A stream that goes on, and work that begins when the answer is complete."""
    before = scrape(service)
    assert service.ask(f"{path}?seconds=1").status == 200
    count = before.sum(REQUESTS, http_route=path) + 1
    metrics = scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=path) == count)
    assert metrics.sum(SECONDS, http_route=path) - before.sum(SECONDS, http_route=path) < 0.5


def test_an_open_stream_is_not_an_active_request(service: Subject) -> None:
    """The number of active requests drives scaling; event streams that wait need no more instances."""
    with ThreadPoolExecutor(1) as threads:
        streams = threads.submit(service.ask_at_once, *["/api/probe/stream?seconds=2"] * 2)
        assert eventually(lambda: service.connections() >= 2)
        time.sleep(0.3)
        assert scrape(service).sum("http_server_active_requests") == 0
        streams.result()


def failed(metrics: Metrics) -> float:
    """How many answers were errors of the service."""
    counts = [value for name, labels, value in metrics.samples
              if name == REQUESTS and labels["http_response_status_code"].startswith("5")]  # fmt: skip
    return sum(counts)


HALF_A_BODY = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"


@pytest.mark.parametrize(
    "request_",
    [
        f"POST /api/v1/items HTTP/1.1\r\n{HALF_A_BODY}",
        f"POST /api/probe/upload HTTP/1.1\r\n{HALF_A_BODY}",
        "GET /api/probe/stream?seconds=0.5 HTTP/1.1\r\n\r\n",
        "GET /api/probe/sleep?seconds=0.5 HTTP/1.1\r\n\r\n",
    ],
    ids=["a body that is parsed", "a body that is streamed", "a stream", "an answer"],
)
def test_a_client_that_leaves_is_no_failure(service: Subject, request_: str) -> None:
    """It does not use up the error budget, and nobody is woken by its log line."""
    before, lines = failed(scrape(service)), len(service.output())
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(request_.replace("\r\n", f"\r\nHost: 127.0.0.1:{service.port}\r\n", 1).encode())
            time.sleep(0.2)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    assert eventually(lambda: service.connections() == 0)
    time.sleep(0.7)
    assert service.ask("/api/v1/items").status == 200
    scraped_once(service, lambda metrics: metrics.sum("http_server_active_requests") == 0)
    assert failed(scrape(service)) == before
    written = "\n".join(service.output()[lines:])
    assert '"exception"' not in written, written
    assert '"level": "error"' not in written, written


def test_made_up_paths_and_methods_add_no_series(service: Subject) -> None:
    service.ask("/api/nothing")
    scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route="unmatched") > 0)
    before = scrape(service)
    methods = ["GET", "POST", *(f"M{number}" for number in range(20))]
    with ThreadPoolExecutor(8) as threads:
        paths = [
            f"/{prefix}{uuid.uuid4().hex}" for prefix in ("api/", "api/v1/items/", "admin/", "") for _ in range(100)
        ]
        answers = threads.map(lambda number: service.ask(paths[number], methods[number % len(methods)]), range(400))
        assert all(answer.status < 500 for answer in answers)
    after = scrape(service)
    assert len(after.labels(REQUESTS)) - len(before.labels(REQUESTS)) <= 20
    assert len(after.samples) - len(before.samples) <= 20 * 20
    assert not [labels for labels in after.labels(REQUESTS) if labels["http_request_method"].startswith("M")]
    routes = {labels["http_route"] for labels in after.labels(REQUESTS)}
    assert [route for route in routes if not re.fullmatch(r"unmatched|/[\w/{}.:-]*", route)] == [], "readable labels"


def test_scrapes_do_not_count_themselves(service: Subject) -> None:
    before = scrape(service).sum(REQUESTS)
    for _ in range(5):
        scrape(service)
    assert scrape(service).sum(REQUESTS) == before


def test_it_is_for_the_inside_only(service: Subject) -> None:
    """A request that a proxy has passed on comes from outside."""
    answer = service.ask("/metrics", X_Forwarded_For="203.0.113.7")
    assert_problem(answer, 404)
    assert b"http_server" not in answer.body
