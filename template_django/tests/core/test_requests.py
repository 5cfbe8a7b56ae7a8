"""Every request has an identifier, a line in the log, and a host name that is ours."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.urls("tests.core.probe")

type LogLines = Callable[[], list[dict[str, object]]]


@pytest.mark.parametrize("given", ["a", "A-1_b.c", "f" * 64])
def test_a_good_request_id_is_taken_over(client: Client, given: str) -> None:
    for path in ("/health/live", "/api/nothing", "/nothing"):
        assert client.get(path, headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "f" * 65, "a b", 'a"b', "a\tb", "é"])
def test_in_place_of_a_bad_request_id_a_new_one_is_made(client: Client, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    made = {client.get("/health/live", headers=headers)["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(request_id) == 32 and request_id.isalnum() for request_id in made)


def test_a_request_is_one_line_of_json(client: Client, log_lines: LogLines) -> None:
    client.get("/api/probe/numbers/7?token=hunter2", headers={"X-Request-ID": "abc"})
    [line] = log_lines()

    moment = datetime.fromisoformat(str(line.pop("timestamp")))
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=10)
    assert re.fullmatch("[0-9a-f]{32}", str(line.pop("trace_id")))
    duration = line.pop("duration_ms")
    assert isinstance(duration, float)
    assert 0 < duration < 1000
    assert str(line.pop("logger")).endswith(".core.logging")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "abc",
        "method": "GET",
        "route": "/api/probe/numbers/{number}",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/probe/numbers/x", "/api/probe/numbers/{number}", 422),
        ("PUT", "/api/probe/numbers/1", "/api/probe/numbers/{number}", 405),
        ("GET", "/admin/login/", "/admin/login/", 200),
        ("GET", "/wp-login.php", "unmatched", 404),
        ("GET", "/api/nothing", "unmatched", 404),
        ("GET", "/static/admin/css/base.css", "static", 200),
        ("GET", "/static/nothing.css", "static", 404),
    ],
)
def test_a_line_names_the_route_rather_than_the_path(
    client: Client, log_lines: LogLines, method: str, path: str, route: str, status: int
) -> None:
    client.generic(method, path).getvalue()  # which also closes files
    [line] = log_lines()
    assert (line["method"], line["route"], line["status"]) == (method, route, status)


def test_an_exception_is_logged_with_its_request(client: Client, log_lines: LogLines) -> None:
    client.raise_request_exception = False
    client.get("/api/probe/failure", headers={"X-Request-ID": "abc"})
    error, request = log_lines()
    assert error["level"] == "error"
    assert "RuntimeError: hunter2" in str(error["exception"])
    assert (request["event"], request["status"]) == ("request", 500)
    assert error["request_id"] == request["request_id"] == "abc"


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("api.example.com", "api.example.com", 200),
        ("api.example.com", "API.EXAMPLE.COM:8000", 200),
        ("api.example.com", "www.api.example.com", 400),
        ("api.example.com", "example.com", 400),
        (".example.com", "a.b.example.com", 200),
        (".example.com", "badexample.com", 400),
        ("[::1]", "[::1]:8000", 200),
    ],
)
def test_only_allowed_hosts_are_answered(
    client: Client, settings: Settings, allowed: str, host: str, status: int
) -> None:
    settings.ALLOWED_HOSTS = [allowed]
    response = client.get("/api/probe/numbers/7", headers={"Host": host})
    assert response.status_code == status


def test_a_host_that_is_not_allowed_leaves_one_line(client: Client, log_lines: LogLines) -> None:
    client.get("/admin/", headers={"Host": "evil.example"})
    [line] = log_lines()
    assert (line["route"], line["status"]) == ("unmatched", 400)


def test_the_api_skips_what_only_pages_need_until_told_otherwise(settings: Settings) -> None:
    assert Client().get("/api/probe/session").json() is False
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "ApiEntrance" not in name]
    assert Client().get("/api/probe/session").json() is True
