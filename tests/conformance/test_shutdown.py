"""An instance that is told to stop finishes what it has, and nobody notices."""

import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.conformance.conftest import Proxy, Start
from tests.conformance.subject import eventually
from tests.load import load
from tests.projects import Answer


def test_no_request_is_lost_when_one_of_two_instances_stops(start: Start, proxy: Proxy) -> None:
    """Clients keep asking, through the proxy, GET and POST; a slow request in flight ends whole."""

    def request(number: int) -> tuple[str, str, object]:
        if number % 3:
            return "GET", "/api/items?limit=5", None
        return "POST", "/api/items", {"name": uuid.uuid4().hex}

    with start(DRAIN_SECONDS="5") as stays, start(DRAIN_SECONDS="5") as stops:
        with proxy(stays, stops) as url, load(url, request) as running:
            running.wait_for(100)
            with ThreadPoolExecutor(1) as threads:
                slow = threads.submit(stops.ask, "/api/probe/sleep?seconds=8")
                running.wait_for(50)
                stops.terminate()
                assert stops.process.wait(timeout=25) == 0
                assert slow.result().status == 200
                assert slow.result().json == 8
            running.wait_for(100)
        assert running.failures == []
        assert len({outcome.status for outcome in running.outcomes}) == 2  # 200 and 201, nothing else


def test_it_is_not_ready_while_it_drains_and_serves_all_the_same(start: Start) -> None:
    with start(DRAIN_SECONDS="3") as service:
        service.terminate()
        began = time.monotonic()
        # Every worker: a signal does not reach all of them in the same moment.
        assert eventually(lambda: all(service.ask("/health/ready").status == 503 for _ in range(10)), 2)
        while time.monotonic() < began + 2.5:  # on new connections
            assert service.ask("/health/ready").status == 503
            assert service.ask("/health/live").status == 200
            assert service.ask("/api/items").status == 200
        assert service.process.wait(timeout=10) == 0
        assert time.monotonic() - began >= 3


def test_idle_it_ends_at_once_where_nothing_has_to_be_drained(start: Start) -> None:
    """Connections that are open and idle do not keep it."""
    with start(DRAIN_SECONDS="0") as service:
        idle = HTTPConnection("127.0.0.1", service.port, timeout=10)
        idle.request("GET", "/api/items")
        assert idle.getresponse().read()
        before = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - before < 5
        idle.close()


def test_what_is_in_flight_ends_whole(start: Start) -> None:
    with start() as service, ThreadPoolExecutor(1) as threads:
        slow = threads.submit(service.ask_at_once, *["/api/probe/sleep?seconds=3"] * 6)
        assert eventually(lambda: service.connections() >= 6)
        assert service.stop() == 0
        assert [answer.status if isinstance(answer, Answer) else answer for answer in slow.result()] == [200] * 6


def test_a_worker_that_is_just_being_started_stops_as_well(start: Start, tmp_path: Path) -> None:
    slowly = "import os, time\nos.register_at_fork(after_in_child=lambda: time.sleep(1))\n"
    (tmp_path / "sitecustomize.py").write_text(slowly)
    with start(DRAIN_SECONDS="1", PYTHONPATH=str(tmp_path)) as service:
        before = service.descendants()
        os.kill(service.workers()[0], signal.SIGKILL)
        assert eventually(lambda: service.descendants() - before, 10)
        assert service.stop(seconds=10) == 0


def test_a_killed_worker_is_replaced_and_only_its_requests_are_lost(start: Start) -> None:
    with start() as service, ThreadPoolExecutor(1) as threads:
        before = service.workers()
        slow = threads.submit(service.ask_at_once, *["/api/probe/sleep?seconds=2"] * 8)
        assert eventually(lambda: service.connections() >= 8)
        held = service.connections(before[0])
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and before[0] not in service.workers(), 10)
        assert before[1] in service.workers()
        lost = [answer for answer in slow.result() if not isinstance(answer, Answer) or answer.status != 200]
        assert len(lost) <= held
        assert all(service.ask("/api/items").status == 200 for _ in range(20))
        assert service.stop() == 0
