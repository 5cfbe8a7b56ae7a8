"""Prometheus gets one true sum, whichever worker answers it, and nobody else gets anything."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import REQUESTS, scrape, scraped_once
from tests.conformance.subject import Subject, eventually

ITEM = "/api/items/{item_id}"


def test_names_types_and_labels(service: Subject) -> None:
    service.ask("/api/items/999999", X_Request_Start=f"t={time.time():.3f}")
    metrics = scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) > 0)
    types = {
        "http_server_request_duration_seconds": "histogram",
        "http_server_queue_duration_seconds": "histogram",
        "http_server_active_requests": "gauge",
        "http_server_workers": "gauge",
        "db_client_connection_count": "gauge",
        "db_client_connection_max": "gauge",
        "db_client_connection_pending_requests": "gauge",
        "process_cpu_seconds": "counter",
        "process_resident_memory_bytes": "gauge",
    }
    assert types.items() <= metrics.types.items()
    assert metrics.sum(REQUESTS, http_request_method="GET", http_route=ITEM, http_response_status_code="404") > 0
    assert metrics.has("http_server_active_requests")
    assert {labels["state"] for labels in metrics.labels("db_client_connection_count")} == {"idle", "used"}
    assert 5 <= metrics.sum("db_client_connection_max") <= 20  # DATABASE_CONNECTIONS, where nobody sets it
    assert metrics.has("db_client_connection_pending_requests")
    assert metrics.sum("process_cpu_seconds_total") > 0
    assert metrics.sum("process_resident_memory_bytes") > 10e6


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_promtool_understands_it(service: Subject) -> None:
    service.ask("/api/items")
    text = scrape(service).text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    complaints = (check.stdout + check.stderr).splitlines()
    # Its advice on names cannot be followed where OpenTelemetry gives a gauge the name of a count.
    assert [line for line in complaints if not line.startswith("db_client_connection_count ")] == []


@contextmanager
def connected(service: Subject, worker: int) -> Iterator[HTTPConnection]:
    """A connection that one worker has, which the others leave to it: they sleep while it is made.

    Where each worker listens by itself, the kernel gives connections to the sleeping as well: these are made in vain.
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
    """Also after one was killed: what it counted stays, what it held is gone."""
    with start() as service:
        for worker, path in zip(service.workers(), ("/api/items/1", "/api/items/2"), strict=True):
            with connected(service, worker) as connection:
                for _ in range(50):
                    connection.request("GET", path)
                    connection.getresponse().read()
        scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) == 100)
        scraped_once(service, lambda metrics: metrics.sum("http_server_workers") == 2)
        connections = scrape(service).sum("db_client_connection_max")
        for _ in range(20):  # whoever answers
            metrics = scrape(service)
            assert metrics.sum(REQUESTS, http_route=ITEM) == 100
            assert metrics.sum("http_server_request_duration_seconds_bucket", http_route=ITEM, le="+Inf") == 100
            assert metrics.sum("http_server_workers") == 2

        with ThreadPoolExecutor(1) as threads:
            held = threads.submit(service.ask_at_once, *["/api/probe/sleep?seconds=3"] * 4)
            scraped_once(service, lambda metrics: metrics.sum("http_server_active_requests") == 4)
            before = service.workers()
            os.kill(before[0], signal.SIGKILL)
            assert eventually(lambda: len(service.workers()) == 2 and service.workers() != before, 10)
            held.result()
        scraped_once(service, lambda metrics: metrics.sum("http_server_active_requests") == 0)
        metrics = scraped_once(service, lambda metrics: metrics.sum("http_server_workers") == 2)
        assert metrics.sum(REQUESTS, http_route=ITEM) == 100
        scraped_once(service, lambda metrics: metrics.sum("db_client_connection_max") == connections)
        assert metrics.sum("db_client_connection_count") <= 20

        with ThreadPoolExecutor(10) as threads:
            list(threads.map(service.ask, ["/api/items/3"] * 30))
        scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route=ITEM) == 130)


def test_connections_in_use_are_told_from_idle_ones(service: Subject) -> None:
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(service.ask_at_once, *["/api/probe/query?seconds=1"] * 3)
        scraped_once(service, lambda metrics: metrics.sum("db_client_connection_count", state="used") == 3)
        answers.result()
    scraped_once(service, lambda metrics: metrics.sum("db_client_connection_count", state="used") == 0)
    assert scrape(service).sum("db_client_connection_count", state="idle") > 0


def test_waiting_in_front_of_the_service_is_measured(service: Subject) -> None:
    name = "http_server_queue_duration_seconds"
    before = scrape(service)
    service.ask("/api/items", X_Request_Start=f"t={time.time() - 2:.3f}")
    after = scraped_once(service, lambda metrics: metrics.sum(f"{name}_count") == before.sum(f"{name}_count") + 1)
    assert 2 <= after.sum(f"{name}_sum") - before.sum(f"{name}_sum") < 4
    a_clock_that_is_ahead = f"t={time.time() + 3600:.3f}"
    for nonsense in ("", "t=", "t=now", "t=nan", "t=-1e9999", "t=1e-9999", "t=1", "1", a_clock_that_is_ahead):
        assert service.ask("/api/items", X_Request_Start=nonsense).status == 200
    assert 2 <= scrape(service).sum(f"{name}_sum") - before.sum(f"{name}_sum") < 4


def test_made_up_paths_and_methods_add_no_series(service: Subject) -> None:
    service.ask("/api/nothing")
    scraped_once(service, lambda metrics: metrics.sum(REQUESTS, http_route="unmatched") > 0)
    before = scrape(service)
    methods = ["GET", "POST", *(f"M{number}" for number in range(20))]
    with ThreadPoolExecutor(8) as threads:
        paths = [f"/{prefix}{uuid.uuid4().hex}" for prefix in ("api/", "api/items/", "admin/", "") for _ in range(250)]
        answers = threads.map(lambda number: service.ask(paths[number], methods[number % len(methods)]), range(1000))
        assert all(answer.status < 500 for answer in answers)
    after = scrape(service)
    assert len(after.labels(REQUESTS)) - len(before.labels(REQUESTS)) <= 20
    assert len(after.samples) - len(before.samples) <= 20 * 20
    assert not [labels for labels in after.labels(REQUESTS) if labels["http_request_method"].startswith("M")]


def test_scrapes_do_not_count_themselves(service: Subject) -> None:
    before = scrape(service).sum(REQUESTS)
    for _ in range(5):
        scrape(service)
    assert scrape(service).sum(REQUESTS) == before


def test_only_the_inside_may_read_it(service: Subject) -> None:
    """A request that some proxy has passed on comes from outside."""
    answer = service.ask("/metrics", X_Forwarded_For="203.0.113.7")
    assert answer.status == 404
    assert b"http_server" not in answer.body
