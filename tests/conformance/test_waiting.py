"""Nothing waits without bound: not for a lock, a query, a connection, or a server that cannot write.

The proxy gives up after 20 seconds. By then the service has said 503, and nothing is left behind in the database.
"""

import http.client
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from tests.conformance.conftest import Start
from tests.conformance.subject import Subject, eventually
from tests.conformance.test_errors import assert_problem
from tests.postgres import Server

pytestmark = pytest.mark.usefixtures("once_per_framework")

PROXY = 20  # seconds
PROBE = 5  # seconds within which a liveness probe must always get its response
CANCELLED = 10  # seconds that a query may take
CLIENTS = 12  # more than a worker has threads


@pytest.fixture
def database(framework: str, service: Subject) -> str:
    """The name of the database that the shared instance uses."""
    return f"conformance_{framework}"


def waiting(postgres: Server, database: str, condition: str = "true") -> int:
    """How many of the service's sessions are in the middle of something."""
    sessions = f"datname = '{database}' AND pid <> pg_backend_pid() AND application_name <> 'psql'"
    busy = "(state <> 'idle' OR wait_event_type = 'Lock')"
    return int(postgres.query(f"SELECT count(*) FROM pg_stat_activity WHERE {sessions} AND {busy} AND {condition}"))  # noqa: S608


def test_requests_have_limits_in_the_database(service: Subject) -> None:
    limits = {"statement_timeout": "10s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "30s"}
    assert {name: service.ask(f"/api/probe/setting?name={name}").json for name in limits} == limits


def test_a_locked_row_fails_in_time(service: Subject, database: str, postgres: Server) -> None:
    """While ten clients want to change it, probes are answered; other rows can be changed soon after."""
    item = service.ask("/api/v1/items", "POST", {"name": uuid.uuid4().hex}).json["id"]
    url = postgres.url.removesuffix("postgres") + database
    table = postgres.query("SELECT relname FROM pg_class WHERE relname IN ('items', 'items_item')", url).strip()

    def change(_: int) -> float:
        before = time.monotonic()
        assert_problem(service.ask(f"/api/v1/items/{item}", "PATCH", {"quantity": 7}), 503)
        return time.monotonic() - before

    with (
        postgres.holding(f"SELECT FROM {table} WHERE id = {item} FOR UPDATE", url),
        ThreadPoolExecutor(10) as threads,
    ):
        changes = [threads.submit(change, number) for number in range(10)]
        assert eventually(lambda: waiting(postgres, database, "wait_event_type = 'Lock'"))
        while not all(change.done() for change in changes):
            before = time.monotonic()
            assert service.ask("/health/live").status == 200
            assert time.monotonic() - before < PROBE
        assert max(change.result() for change in changes) < PROXY
        assert eventually(lambda: waiting(postgres, database) == 0)
    assert service.ask(f"/api/v1/items/{item}", "PATCH", {"quantity": 7}).json["quantity"] == 7


def test_queries_end_although_their_clients_have_left(service: Subject, database: str, postgres: Server) -> None:
    """Each after ten seconds at most; the client that stays is told."""
    with ExitStack() as clients, ThreadPoolExecutor(1) as threads:
        began = time.monotonic()
        stays = threads.submit(status_of, service, "/api/probe/query?seconds=30")
        assert eventually(lambda: waiting(postgres, database, "query ~ 'pg_sleep'"))
        for _ in range(CLIENTS):
            client = clients.enter_context(closing(http.client.HTTPConnection("127.0.0.1", service.port)))
            client.request("GET", "/api/probe/query?seconds=30")
        assert eventually(lambda: waiting(postgres, database, "query ~ 'pg_sleep'") >= 4)  # one worker's threads
        clients.close()
        assert stays.result() == 503
        assert time.monotonic() - began < PROXY
        too_long = f"query ~ 'pg_sleep' AND now() - query_start > interval '{CANCELLED + 2} s'"
        deadline = time.monotonic() + 3 * CANCELLED + 5
        while waiting(postgres, database):
            assert waiting(postgres, database, too_long) == 0
            assert time.monotonic() < deadline, "queries that nobody waits for go on"
            time.sleep(0.5)
    # Requests that a server has accepted and not yet begun come first.
    assert status_of(service, "/api/v1/items") == 200


def status_of(service: Subject, path: str) -> int:
    """The status of an answer that may take as long as the proxy waits."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=PROXY)) as client:
        client.request("GET", path)
        return client.getresponse().status


def test_a_server_that_turns_read_only_is_left(start: Start, own_postgres: Server, own_database: str) -> None:
    """As after a failover: open connections are of no use. When it takes writes again, so does the service."""
    with start(DATABASE_URL=own_database) as service:

        def written() -> int:
            return service.ask("/api/v1/items", "POST", {"name": uuid.uuid4().hex}).status

        assert {written() for _ in range(10)} == {201}
        with own_postgres.read_only():
            assert eventually(lambda: written() != 201, 2)
            with ThreadPoolExecutor(8) as threads:  # each may wait for a connection that can write
                assert {answer.result() for answer in [threads.submit(written) for _ in range(8)]} == {503}
            assert_problem(service.ask("/api/v1/items", "POST", {"name": "x"}), 503)
            assert service.ask("/health/ready").status == 503
            assert service.ask("/health/live").status == 200
        assert eventually(lambda: service.ask("/health/ready").status == 200, 5)
        assert eventually(lambda: {written() for _ in range(10)} == {201}, 5)
