"""Every request has an identifier, a line in the log, and a host name that is ours."""

import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from fastapi import APIRouter, WebSocket
from starlette.types import Message

from .serving import application, log_lines, router, serving


@pytest.mark.parametrize("given", ["a", "A-1_b.c", "f" * 64])
async def test_a_good_request_id_is_taken_over(given: str) -> None:
    async with serving() as client:
        response = await client.get("/health/live", headers={"X-Request-ID": given})
    assert response.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", [None, "", "f" * 65, "a b", 'a"b', "a\tb", "é"])
async def test_in_place_of_a_bad_request_id_a_new_one_is_made(given: str | None) -> None:
    headers = {} if given is None else {b"X-Request-ID": given.encode()}
    async with serving() as client:
        first = await client.get("/health/live", headers=headers)
        second = await client.get("/health/live", headers=headers)
    made = {first.headers["x-request-id"], second.headers["x-request-id"]}
    assert len(made) == 2
    assert all(len(request_id) == 32 and request_id.isalnum() for request_id in made)


async def test_a_request_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as client:
        await client.get("/probe/numbers/7?token=hunter2", headers={"X-Request-ID": "abc"})
    [line] = log_lines(capsys)

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
        "route": "/probe/numbers/{number}",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/nested/probe/numbers/1", "/nested/probe/numbers/{number}", 200),
        ("GET", "/nested/probe/numbers/x", "/nested/probe/numbers/{number}", 422),
        ("GET", "/wp-login.php", "unmatched", 404),
    ],
)
async def test_a_line_names_the_route_rather_than_the_path(
    capsys: pytest.CaptureFixture[str], method: str, path: str, route: str, status: int
) -> None:
    nested = APIRouter()
    nested.include_router(router, prefix="/nested")
    async with serving(nested) as client:
        await client.request(method, path)
    [line] = log_lines(capsys)
    assert (line["method"], line["route"], line["status"]) == (method, route, status)


async def test_an_exception_is_logged_with_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as client:
        await client.get("/probe/failure", headers={"X-Request-ID": "abc"})
    error, request = log_lines(capsys)
    assert error["level"] == "error"
    assert "RuntimeError: hunter2" in str(error["exception"])
    assert (request["event"], request["status"]) == ("request", 500)
    assert error["request_id"] == request["request_id"] == "abc"


async def test_what_cannot_be_logged_fails_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError

    broken = APIRouter()

    @broken.get("/")
    async def endpoint() -> None:
        structlog.get_logger("ours").info("odd", value=Unprintable())
        logging.getLogger("theirs").info("%d", "odd")

    async with serving(broken) as client:
        assert (await client.get("/")).status_code == 200
    assert [line["event"] for line in log_lines(capsys)] == ["odd", "request"]


async def test_log_level_decides_what_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(log_level="WARNING") as client:
        await client.get("/probe/numbers/7")
    assert log_lines(capsys) == []


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("api.example.com", "api.example.com", 200),
        ("api.example.com", "API.EXAMPLE.COM:8000", 200),
        ("api.example.com", "www.api.example.com", 400),
        ("api.example.com", "example.com", 400),
        ("api.example.com", "", 400),
        (".example.com", "example.com", 200),
        (".example.com", "a.b.example.com", 200),
        (".example.com", "badexample.com", 400),
        ("a.example.com,[::1]", "[::1]:8000", 200),
        ("*", "anything.example", 200),
        ("", "localhost", 200),
        ("", "api.example.com", 400),
    ],
)
async def test_only_allowed_hosts_are_answered(allowed: str, host: str, status: int) -> None:
    variables = {"allowed_hosts": allowed} if allowed else {}
    async with serving(**variables) as client:
        response = await client.get("/probe/numbers/7", headers={"Host": host})
    assert response.status_code == status


@pytest.mark.parametrize("hosts", [("localhost", "evil.example"), ("evil.example", "localhost")])
@pytest.mark.parametrize("allowed", ["localhost", "*"])
async def test_two_hosts_are_one_too_many(allowed: str, hosts: tuple[str, str]) -> None:
    async with serving(allowed_hosts=allowed) as client:
        response = await client.get("/probe/numbers/7", headers=[("Host", host) for host in hosts])
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        (b"localhost", {"type": "websocket.accept"}),
        (b"evil.example", {"type": "websocket.http.response.start", "status": 400}),
    ],
)
async def test_a_websocket_is_opened_only_for_allowed_hosts(
    host: bytes, answer: dict[str, object]
) -> None:
    sockets = APIRouter()

    @sockets.websocket("/")
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": [(b"host", host)]}
    await application(sockets)(scope, receive, send)
    assert answer.items() <= sent[0].items()
