"""Every request has an id, a line in the log, and an allowed host."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from . import probe

pytestmark = pytest.mark.urls("tests.core.probe")

type LogLines = Callable[[], list[dict[str, object]]]

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("given", ["a", "A-1_b.c", "f" * 64])
def test_a_good_request_id_is_kept(client: Client, given: str) -> None:
    for path in ("/health/live", "/v1/nothing", "/nothing"):
        assert client.get(path, headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "f" * 65, "a b", 'a"b', "a\tb", "é"])
def test_a_bad_request_id_is_replaced(client: Client, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    made = {client.get("/page", headers=headers)["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(request_id) == 32 and request_id.isalnum() for request_id in made)


def test_a_request_is_one_line_of_json(client: Client, log_lines: LogLines) -> None:
    headers = {"X-Request-ID": "abc", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    client.get("/v1/numbers/7?token=hunter2", headers=headers)
    [line] = log_lines()

    moment = datetime.fromisoformat(str(line.pop("timestamp")))
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=10)
    duration = line.pop("duration_ms")
    assert isinstance(duration, float)
    assert 0 < duration < 1000
    assert str(line.pop("logger")).endswith(".core.middleware")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "abc",
        "trace_id": TRACE,
        "method": "GET",
        "route": "/v1/numbers/{number}",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("HEAD", "/v1/numbers/1", "/v1/numbers/{number}", 200),
        ("PUT", "/v1/numbers/1", "/v1/numbers/{number}", 405),
        ("GET", "/page", "/page", 200),
        ("GET", "/tree/trunk/branch", "/tree/{path}", 200),
        ("GET", "/wp-login.php", "unmatched", 404),
        ("GET", "/v1/nothing", "unmatched", 404),
        ("GET", f"{project.STATIC_URL}nothing.css", "static", 404),
    ],
)
def test_a_line_names_the_route_rather_than_the_path(
    client: Client, log_lines: LogLines, method: str, path: str, route: str, status: int
) -> None:
    client.generic(method, path)
    [line] = log_lines()
    assert (line["method"], line["route"], line["status"]) == (method, route, status)
    assert "path" not in line


def test_development_also_logs_the_path_of_an_unknown_address(
    client: Client, log_lines: LogLines, settings: Settings
) -> None:
    settings.DEBUG = True
    for path in ("/nothing", "/page"):
        client.get(path)
    assert [line.get("path") for line in log_lines()] == ["/nothing", None]


def test_a_stream_logs_with_the_id_of_its_request(client: Client, log_lines: LogLines) -> None:
    client.get("/stream", headers={"X-Request-ID": "abc"}).getvalue()
    structlog.get_logger(__name__).info("afterwards")
    request, streaming, afterwards = log_lines()
    assert streaming["event"] == "streaming"
    assert (request["request_id"], streaming["request_id"]) == ("abc", "abc")
    assert request["trace_id"] == streaming["trace_id"]
    assert not {"request_id", "trace_id"} & afterwards.keys()


def test_an_exception_is_logged_once_with_its_request(client: Client, log_lines: LogLines) -> None:
    client.raise_request_exception = False
    client.get("/v1/failure", headers={"X-Request-ID": "abc"})
    error, request = log_lines()
    assert error["level"] == "error"
    assert "RuntimeError: hunter2" in str(error["exception"])
    assert (request["event"], request["status"]) == ("request", 500)
    assert error["request_id"] == request["request_id"] == "abc"
    assert re.fullmatch("[0-9a-f]{32}", str(error["trace_id"]))
    assert error["trace_id"] == request["trace_id"]


def test_djangos_messages_name_the_route_too(client: Client, log_lines: LogLines) -> None:
    client.raise_request_exception = False
    probe.to_raise.append(RuntimeError())
    client.get("/links/hunter2")
    Client(enforce_csrf_checks=True).post("/links/hunter2")
    failed, _, forbidden, _ = lines = log_lines()
    assert failed["event"] == "Internal Server Error: /links/<token>"
    assert forbidden["event"] == "Forbidden (CSRF cookie not set.): /links/<token>"
    assert "hunter2" not in str(lines)


def test_a_message_with_named_values_is_kept(log_lines: LogLines) -> None:
    logging.getLogger("django.security.csrf").warning("%(name)s failed", {"name": "/links"})
    assert [line["event"] for line in log_lines()] == ["/links failed"]


def test_requests_to_runserver_are_logged_once(
    log_lines: LogLines, capfd: pytest.CaptureFixture[str]
) -> None:
    server = logging.getLogger("django.server")
    server.error('"%s" %s %s', "GET /?token=hunter2 HTTP/1.1", "500", "9")
    server.error("You're accessing the development server over HTTPS")
    assert [line["event"] for line in log_lines()] == [
        "You're accessing the development server over HTTPS"
    ]
    assert capfd.readouterr().err == ""


def test_fields_of_ones_own_are_logged_unless_they_name_secrets(log_lines: LogLines) -> None:
    plain = {"request": "r-1", "secretary": "Ann", "session_length": 7, "tokens_used": 7}
    secret = {"client_secret": "hunter2", "secretKey": "hunter2", "session_id": "hunter2"}
    structlog.get_logger(__name__).info("own", **plain, **secret)
    [line] = log_lines()
    assert plain.items() <= line.items()
    assert [line[name] for name in secret] == ["[redacted]"] * 3


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("api.example.com", "api.example.com", 200),
        ("api.example.com", "API.EXAMPLE.COM:8000", 200),
        ("api.example.com", "www.api.example.com", 400),
        (".example.com", "a.b.example.com", 200),
        (".example.com", "badexample.com", 400),
        ("[::1]", "[::1]:8000", 200),
    ],
)
def test_only_allowed_hosts_are_answered(
    client: Client, settings: Settings, allowed: str, host: str, status: int
) -> None:
    settings.ALLOWED_HOSTS = [allowed]
    response = client.get("/v1/numbers/7", headers={"Host": host})
    assert response.status_code == status


def test_an_unknown_host_leaves_one_line(client: Client, log_lines: LogLines) -> None:
    client.get("/page", headers={"Host": "evil.example"})
    [line] = log_lines()
    assert (line["route"], line["status"]) == ("unmatched", 400)


def test_metrics_count_requests_by_their_route(client: Client) -> None:
    client.get("/v1/numbers/7")
    client.generic("FROBNICATE", "/page")
    labels = 'http_request_method="GET",http_response_status_code="200"'
    count = f'http_server_request_duration_seconds_count{{{labels},http_route="/v1/numbers/{{number}}"}}'
    scraped = {
        re.sub(r"{(.*?)}(?= )", lambda m: "{" + ",".join(sorted(m[1].split(","))) + "}", line)
        for line in client.get("/metrics").text.splitlines()
    }
    assert any(line.startswith(count) for line in scraped)
    assert "FROBNICATE" not in str(scraped)
    assert "_OTHER" in str(scraped)


def test_metrics_are_hidden_behind_a_proxy(client: Client) -> None:
    response = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
