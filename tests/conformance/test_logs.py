"""One JSON object a line, from the first to the last, and no secret in any."""

import json
import os
import re
import signal
from datetime import datetime, timedelta

import pytest

from tests.conformance.conftest import Start
from tests.conformance.subject import PASSWORD, Line, Subject, eventually

SECRET = "hunter9-must-not-be-printed"  # noqa: S105


def has_the_shape(line: Line) -> bool:
    """What every line has, whoever wrote it."""
    moment = datetime.fromisoformat(line["timestamp"])
    assert moment.utcoffset() == timedelta(0), line
    assert line["level"] in {"debug", "info", "warning", "error", "critical"}, line
    assert isinstance(line["event"], str), line
    assert isinstance(line["logger"], str), line
    return True


def test_a_request_has_its_line(service: Subject) -> None:
    service.ask("/api/items/999999?note=private", X_Request_ID="one-line")
    line = service.request_line("one-line")
    assert has_the_shape(line)
    assert line["method"] == "GET"
    assert line["route"] == "/api/items/{item_id}"
    assert line["status"] == 404
    assert 0 < line["duration_ms"] < 10_000
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert len([line for line in service.lines("one-line") if "duration_ms" in line]) == 1


def test_every_line_of_a_life_has_the_same_shape(start: Start) -> None:
    """Of the server, the framework, libraries, warnings and exceptions, on stdout and stderr."""
    with start() as service:
        assert eventually(service.output), "it says that it starts"
        service.ask("/api/items", Host="evil.example")
        service.ask("/api/nothing")
        service.ask("/api/items", "POST", b"{")
        service.ask("/api/probe/log", "POST", {"colour": "green"})
        service.ask("/api/probe/fail", X_Request_ID="failing")
        service.request_line("failing")
        killed = service.workers()[0]
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and killed not in service.workers(), 10)
        before = len(service.output())
        assert service.stop() == 0
    output = service.output()
    assert len(output) > before, "it says that it stops"
    lines = [json.loads(line) for line in output]
    assert all(map(has_the_shape, lines))
    events = [line["event"] for line in lines]
    assert any("warned by a library" in event for event in events)
    assert any("logged by a library" in event for event in events)
    assert [line["level"] for line in lines if "exception" in line] == ["error"]
    in_a_request = [line for line in lines if "request_id" in line]
    assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) for line in in_a_request)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "PASSWD",
        "secret",
        "token",
        "access_token",
        "refreshToken",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "authorization",
        "cookie",
        "set-cookie",
        "session",
        "sessionid",
        "csrf",
        "csrfmiddlewaretoken",
        "db_password",
        "client_secret",
    ],
)
def test_values_of_these_names_are_never_printed(service: Subject, name: str) -> None:
    fields = {
        name: SECRET,
        "plain": "visible",
        "customer": {"colour": "green", name: SECRET},
        "customers": [{name: [SECRET]}, {"deeper": {name: {"value": SECRET}}}],
    }
    request_id = f"deny-{re.sub('[^a-z]', '', name.lower())}-{len(name)}"
    assert service.ask("/api/probe/log", "POST", fields, X_Request_ID=request_id).status in {200, 204}
    service.request_line(request_id)
    lines = service.lines(request_id)
    ours = next(line for line in lines if line["event"] == "logged by the service")
    assert ours["plain"] == "visible"
    assert ours["customer"]["colour"] == "green"
    assert name in ours, "that it was there is no secret"
    assert SECRET not in json.dumps(lines)


def test_exceptions_do_not_print_variables(service: Subject) -> None:
    service.ask("/api/probe/fail", X_Request_ID="with-locals")
    service.request_line("with-locals")
    traceback = next(line["exception"] for line in service.lines("with-locals") if "exception" in line)
    assert "RuntimeError: 2 variables were at hand" in traceback
    for line in service.lines("with-locals"):
        printed = json.dumps(line).replace('password = \\"hunter2\\"', "").replace('{\\"token\\": \\"hunter3\\"}', "")
        assert "hunter" not in printed


def test_what_callers_send_is_not_printed(service: Subject) -> None:
    """Neither query strings, which hold tokens more often than one likes, nor bodies, nor headers."""
    service.ask(f"/api/items?token={SECRET}")
    service.ask(f"/api/{SECRET}?code={SECRET}")
    service.ask(f"/api/probe/fail?token={SECRET}", Authorization=f"Bearer {SECRET}", Cookie=f"sessionid={SECRET}")
    service.ask("/api/items", "POST", {"name": "", "password": SECRET})
    service.ask("/api/items", X_Request_ID="after-the-secrets")
    service.request_line("after-the-secrets")
    assert SECRET not in service.log.read_text()
    assert PASSWORD not in service.log.read_text()
