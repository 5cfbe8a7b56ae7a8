"""The proxy or orchestrator takes an instance out first; then SIGTERM lets it finish what it has.

That no request is lost meanwhile is tested where the taking out is: tests/deployment.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from tests.conformance.conftest import Start
from tests.conformance.subject import REPLACED, eventually
from tests.projects import Answer


def test_requests_in_flight_finish(start: Start) -> None:
    """And connections that are open and idle do not keep it."""
    with start() as service, ThreadPoolExecutor(1) as threads:
        idle = HTTPConnection("127.0.0.1", service.port, timeout=10)
        idle.request("GET", "/api/v1/items")
        assert idle.getresponse().read()
        slow = threads.submit(service.ask_at_once, *["/api/probe/sleep?seconds=2"] * 4)
        assert eventually(lambda: service.connections() >= 5)
        before = time.monotonic()
        service.stop()
        assert time.monotonic() - before < 10
        assert [answer.status if isinstance(answer, Answer) else answer for answer in slow.result()] == [200] * 4
        idle.close()


def test_a_killed_worker_is_replaced(start: Start) -> None:
    with start() as service:
        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and before[0] not in service.workers(), REPLACED)
        assert before[1] in service.workers()
        assert all(service.ask("/api/v1/items").status == 200 for _ in range(20))
        service.stop()
