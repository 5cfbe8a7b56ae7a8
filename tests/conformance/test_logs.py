"""One JSON object per line, from the first to the last, and no secret in any."""

import json
import os
import re
import signal
import time
import uuid
from datetime import datetime, timedelta

import pytest

from tests.conformance.conftest import Start
from tests.conformance.subject import PASSWORD, REPLACED, Line, Subject, eventually

SECRET = "hunter9"  # noqa: S105
SENT = "hunter7"


def has_the_shape(line: Line) -> bool:
    """What every line has, whichever logger wrote it."""
    moment = datetime.fromisoformat(line["timestamp"])
    assert moment.utcoffset() == timedelta(0), line
    assert line["level"] in {"debug", "info", "warning", "error", "critical"}, line
    assert isinstance(line["event"], str), line
    assert isinstance(line["logger"], str), line
    return True


def test_a_request_has_its_line(service: Subject) -> None:
    service.ask("/api/v1/items/999999?note=private", X_Request_ID="one-line")
    line = service.request_line("one-line")
    assert has_the_shape(line)
    assert line["method"] == "GET"
    assert line["route"] == "/api/v1/items/{item_id}"
    assert line["status"] == 404
    assert 0 < line["duration_ms"] < 10_000
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert len([line for line in service.lines("one-line") if "duration_ms" in line]) == 1


def test_every_line_of_a_life_has_the_same_shape(start: Start) -> None:
    """Of the server, the framework, libraries, warnings and exceptions, on stdout and stderr."""
    with start() as service:
        assert eventually(service.output), "it says that it starts"
        service.ask("/api/v1/items", Host="evil.example")
        service.ask("/api/nothing")
        service.ask("/api/v1/items", "POST", b"{")
        service.ask("/api/probe/log", "POST", {"colour": "green"})
        service.ask("/api/probe/fail", X_Request_ID="failing")
        assert eventually(lambda: any("exception" in line for line in service.lines("failing"))), "the server says why"
        killed = service.workers()[0]
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and killed not in service.workers(), REPLACED)
        before = len(service.output())
        service.stop()
    output = service.output()
    assert len(output) > before, "it says that it stops"
    lines = [json.loads(line) for line in output]
    assert all(map(has_the_shape, lines))
    events = [line["event"] for line in lines]
    assert any("warned by a library" in event for event in events)
    assert any("logged by a library" in event for event in events)
    assert [line["level"] for line in lines if "exception" in line] == ["error"]
    in_a_request = [line for line in lines if "request_id" in line]
    assert in_a_request
    assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) for line in in_a_request)


NAMES = (
    "password", "Password", "PASSWD", "secret", "client_secret", "token", "access_token", "refreshToken",
    "api_key", "apiKey", "X-Api-Key", "authorization", "cookie", "set-cookie", "session", "sessionid",
    "csrf", "csrfmiddlewaretoken", "db_password",
)  # fmt: skip


@pytest.mark.parametrize("writer", ["logged by the service", "logged by a library"])
def test_values_of_some_fields_are_never_printed(service: Subject, writer: str) -> None:
    """At any depth. Their names stay visible, and so do other fields beside them."""
    request_id = f"denied-{uuid.uuid4().hex}"
    fields: dict[str, object] = {"plain": "visible", "customer": {"colour": "green"}, "customers": []}
    for name in NAMES:
        fields[name] = f"flat-{name}-{SECRET}"
        fields[f"nested {NAMES.index(name)}"] = {
            name: f"nested-{name}-{SECRET}",
            "many": [{name: [f"listed-{name}-{SECRET}"]}, {"more": {name: {"value": f"deep-{name}-{SECRET}"}}}],
        }
    assert service.ask("/api/probe/log", "POST", fields, X_Request_ID=request_id).status in {200, 204}
    service.request_line(request_id)
    lines = [line for line in service.lines(request_id) if line["event"].startswith(writer)]
    assert lines
    printed = json.dumps(lines)
    assert sorted(set(re.findall(f"([a-z]+-[A-Za-z_-]+)-{SECRET}", printed))) == []
    assert lines[0]["plain"] == "visible"
    assert lines[0]["customer"]["colour"] == "green"
    assert set(NAMES) <= set(lines[0])


def failures(service: Subject, request_id: str) -> list[Line]:
    """The lines of one request that tell of its exception: a server may write its own when the answer has been sent."""

    def found() -> list[Line]:
        return [line for line in service.lines() if "could not log in" in json.dumps(line)]

    eventually(lambda: any(line.get("request_id") == request_id for line in found()))
    time.sleep(0.2)  # for a second one
    assert all(line.get("request_id") for line in found()), "every line about it names its request"
    return [line for line in found() if line["request_id"] == request_id]


def test_an_exception_is_logged_once(service: Subject) -> None:
    """By the framework's own means, with the request's identifiers, and whole."""
    service.ask("/api/probe/fail", X_Request_ID="failed-once")
    request = service.request_line("failed-once")
    assert request["status"] == 500
    (failure,) = failures(service, "failed-once")
    assert failure["level"] == "error"
    assert "Traceback" in failure["exception"]
    assert failure["trace_id"] == request["trace_id"]


def test_exceptions_do_not_print_variables(service: Subject) -> None:
    service.ask("/api/probe/fail", X_Request_ID="with-variables")
    (failure,) = failures(service, "with-variables")
    assert "RuntimeError: could not log in" in failure["exception"]
    assert "hunter" not in json.dumps(service.lines("with-variables"))


def test_what_callers_send_is_not_printed(service: Subject) -> None:
    """Neither query strings, which often hold tokens, nor bodies, nor headers."""
    service.ask(f"/api/v1/items?token={SENT}")
    service.ask(f"/api/{SENT}?code={SENT}")
    service.ask(f"/api/probe/fail?token={SENT}", Authorization=f"Bearer {SENT}", Cookie=f"sessionid={SENT}")
    service.ask("/api/v1/items", "POST", {"name": "", "password": SENT})
    service.ask("/api/v1/items", X_Request_ID="after-the-secrets")
    service.request_line("after-the-secrets")
    assert SENT not in service.log.read_text()
    assert PASSWORD not in service.log.read_text()
