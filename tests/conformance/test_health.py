"""Whether it lives is a matter of the process alone; whether it is ready is one of its database too."""

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import scrape
from tests.conformance.subject import PASSWORD, Subject, eventually
from tests.postgres import Server

# Knocks at its port while the service imports what an owner wrote, and notes what came of it.
KNOCK = """
import errno, os, pathlib, socket, sys


class Knock:
    @staticmethod
    def find_spec(name, *_):
        if name.endswith(".items.models"):
            with socket.socket() as client, pathlib.Path(__file__).with_name("heard").open("a") as file:
                print(errno.errorcode.get(client.connect_ex(("127.0.0.1", int(os.environ["PORT"])))), file=file)


sys.meta_path.insert(0, Knock)
"""


def test_it_takes_no_connection_before_it_can_answer(start: Start, tmp_path: Path) -> None:
    """Were the application then not to start, the requests that wait would be lost."""
    (tmp_path / "sitecustomize.py").write_text(KNOCK)
    with start(PYTHONPATH=str(tmp_path), WEB_CONCURRENCY="1") as service:
        assert service.ask("/api/items").status == 200
        assert set((tmp_path / "heard").read_text().split()) == {"ECONNREFUSED"}


BROKEN = """
import sys


class Broken:
    @staticmethod
    def find_spec(name, *_):
        if name.endswith(".items.models"):
            raise ERROR("this version cannot start")


sys.meta_path.insert(0, Broken)
"""


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit"])
def test_it_ends_where_it_cannot_start(start: Start, tmp_path: Path, error: str) -> None:
    """It says why, and does not go on to start workers for ever."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN.replace("ERROR", error))
    reason = rf"^ended with 3:(?s:.*){error}: this version cannot start"
    with pytest.raises(AssertionError, match=reason), start(PYTHONPATH=str(tmp_path)):
        pass


def test_it_lives_and_is_ready(service: Subject) -> None:
    assert service.ask("/health/live").status == 200
    ready = service.ask("/health/ready")
    assert ready.status == 200
    assert ready.json == {"status": "ok", "checks": {"database": "ok"}}


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_probes_need_no_host_name(service: Subject, path: str) -> None:
    assert service.ask(path, Host="10.0.0.7:8000").status == 200
    assert service.ask(path, Host="").status == 200


def test_probes_leave_no_trace(service: Subject) -> None:
    """Neither in the log nor in the metrics; the traces have a test of their own."""
    for path in ("/health/live", "/health/ready", "/metrics"):
        service.ask(path, X_Request_ID="a-probe")
    service.ask("/api/items", X_Request_ID="after-the-probes")
    service.request_line("after-the-probes")
    assert service.lines("a-probe") == []
    metrics = scrape(service).text
    assert "/health" not in metrics
    assert '"/metrics' not in metrics


def is_ready(service: Subject) -> bool:
    return service.ask("/health/ready").status == 200


def serves(service: Subject) -> bool:
    """Whether every connection of every worker is usable again."""
    return all(service.ask("/api/items").status == 200 for _ in range(20))


def test_it_follows_its_database(start: Start, own_postgres: Server, own_database: str) -> None:
    """Stopped, frozen and back: readiness says so in time, and nobody restarts anything."""
    with start(DATABASE_URL=own_database) as service:
        workers = service.workers()
        assert is_ready(service)
        assert serves(service)

        with own_postgres.stopped():
            assert eventually(lambda: not is_ready(service), 3)
            says_which_check_failed(service)
            refused = service.ask("/api/items")
            assert refused.status == 503
            assert refused.headers["Content-Type"] == "application/problem+json"
        assert eventually(lambda: is_ready(service), 5)
        assert eventually(lambda: serves(service), 5)

        with own_postgres.frozen():
            assert eventually(lambda: not is_ready(service), 3)
            says_which_check_failed(service)
        assert eventually(lambda: is_ready(service), 5)
        assert eventually(lambda: serves(service), 10)

        assert service.workers() == workers
        assert service.stop() == 0
        assert PASSWORD not in service.log.read_text()


def says_which_check_failed(service: Subject) -> None:
    """And nothing about why: that is in the log."""
    unready = service.ask("/health/ready")
    assert unready.status == 503
    assert unready.json["checks"] == {"database": "failed"}
    assert set(unready.json) == {"status", "checks"}
    assert "psycopg" not in json.dumps(unready.json)
    assert service.ask("/health/live").status == 200
