"""Liveness depends on the process alone, readiness on its database too."""

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import Start
from tests.conformance.scrape import scrape
from tests.conformance.subject import PASSWORD, Subject, eventually
from tests.conformance.test_errors import assert_problem
from tests.postgres import Server
from tests.processes import NotReadyError, free_port

PROBES = ("/health/live", "/health/ready")

BROKEN = """
import sys


class Broken:
    @staticmethod
    def find_spec(name, *_):
        if name.endswith(".items.models"):
            raise RuntimeError("this version cannot start")


sys.meta_path.insert(0, Broken)
"""


def test_it_ends_if_it_cannot_start(start: Start, tmp_path: Path) -> None:
    """It says why. A server of several workers may start them again, and its orchestrator has to notice."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    reason = r"^ended with [1-9]\d*:(?s:.*)this version cannot start"
    with pytest.raises(NotReadyError, match=reason), start(PYTHONPATH=str(tmp_path), WEB_CONCURRENCY="1"):
        pass


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
def test_it_serves_pods_that_have_only_ipv6(start: Start) -> None:
    """With the variables that the pages about operation name, of which each server reads one."""
    port = free_port()
    hosts = {"UVICORN_HOST": "::", "GRANIAN_HOST": "::", "GUNICORN_CMD_ARGS": f"--bind=[::]:{port}"}
    with start(host="[::1]", PORT=str(port), WEB_CONCURRENCY="1", **hosts) as service:
        assert service.ask("/health/ready").status == 200


def test_it_lives_and_is_ready(service: Subject) -> None:
    assert service.ask("/health/live").status == 200
    ready = service.ask("/health/ready")
    assert ready.status == 200
    assert ready.json == {"status": "ok", "checks": {"database": "ok"}}


@pytest.mark.parametrize("path", PROBES)
def test_head_is_get_without_a_body(service: Subject, path: str) -> None:
    headed = service.ask(path, "HEAD")
    assert (headed.status, headed.body) == (200, b"")


@pytest.mark.parametrize("path", [*PROBES, "/metrics"])
def test_probes_need_no_host_name(service: Subject, path: str) -> None:
    for host in ("10.0.0.7:8000", "[fd00::7]:8000", ""):
        assert service.ask(path, Host=host).status == 200


@pytest.mark.parametrize("path", [*PROBES, "/metrics"])
def test_their_errors_are_problems(service: Subject, path: str) -> None:
    assert_problem(service.ask(path, "POST", {}), 405)


def test_probes_leave_no_trace(service: Subject) -> None:
    """Neither in the log nor in the metrics; test_traces.py looks at the traces."""
    for path in (*PROBES, "/metrics"):
        service.ask(path, X_Request_ID="a-probe")
    service.ask("/api/v1/items", X_Request_ID="after-the-probes")
    service.request_line("after-the-probes")
    assert service.lines("a-probe") == []
    metrics = scrape(service).text
    assert '"/health/live' not in metrics
    assert '"/health/ready' not in metrics
    assert '"/metrics' not in metrics


def is_ready(service: Subject) -> bool:
    return service.ask("/health/ready").status == 200


def serves(service: Subject) -> bool:
    """Whether every connection of every worker is usable again."""
    return all(service.ask("/api/v1/items").status == 200 for _ in range(20))


def test_it_follows_its_database(start: Start, own_postgres: Server, own_database: str) -> None:
    """Stopped, restarted, frozen and back: readiness says so in time, and nothing needs a restart."""
    with start(DATABASE_URL=own_database) as service:
        workers = service.workers()
        assert is_ready(service)
        assert serves(service)

        with own_postgres.stopped():
            assert eventually(lambda: not is_ready(service), 3)
            says_which_check_failed(service)
            assert_problem(service.ask("/api/v1/items"), 503)
        assert eventually(lambda: is_ready(service), 5)
        assert eventually(lambda: serves(service), 5)

        # A restart between two requests: none of them gets a connection that is closed already.
        own_postgres.stop()
        own_postgres.start()
        assert serves(service)

        with own_postgres.frozen():
            assert eventually(lambda: not is_ready(service), 3)
            says_which_check_failed(service)
        assert eventually(lambda: is_ready(service), 5)
        assert eventually(lambda: serves(service), 10)

        assert service.workers() == workers
        service.stop()
        assert PASSWORD not in service.log.read_text()


def says_which_check_failed(service: Subject) -> None:
    """And nothing about the reason, which is in the log."""
    unready = service.ask("/health/ready")
    assert unready.status == 503
    assert unready.json == {"status": "unavailable", "checks": {"database": "failed"}}
    assert "psycopg" not in json.dumps(unready.json)
    assert service.ask("/health/live").status == 200
