"""The recipe for calls to another service: peers that are slow, fail or lie."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import SimpleNamespace

import httpx2
import interlock
import pytest
import stamina
from fastapi import HTTPException

from my_service import http, stock
from my_service.core import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Clock:
    """The time of the circuit."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Each test has a circuit and slots of its own, and does not pause between attempts."""
    clock = Clock()
    monkeypatch.setattr(interlock, "CircuitBreaker", partial(interlock.CircuitBreaker, clock=clock))
    importlib.reload(stock)
    with stamina.set_testing(True, attempts=9, cap=True):  # as many attempts as the recipe allows
        yield clock


def divide_timeouts(monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    asyncio_of_stock = SimpleNamespace(timeout=lambda seconds: asyncio.timeout(seconds / by))
    monkeypatch.setattr(stock, "asyncio", asyncio_of_stock)


class Peer:
    """A service that answers one thing after the other, and then the last one again."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, content=answer.content, request=request)

    @property
    def client(self) -> httpx2.AsyncClient:
        return http.create_client(base_url="https://stock.internal", transport=httpx2.MockTransport(self))


GOOD = httpx2.Response(200, json={"quantity": 7})


async def test_a_call_belongs_to_the_trace_of_its_request() -> None:
    peer = Peer(GOOD)
    caller = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    async with peer.client as client:
        with tracing.request_span("GET", caller, {}):
            assert await stock.level(client, 1) == 7
    assert peer.requests[0].url == "https://stock.internal/levels/1"
    assert TRACE in peer.requests[0].headers["traceparent"]


@pytest.mark.parametrize("failure", [httpx2.Response(503), httpx2.ConnectError("refused")])
async def test_a_failure_is_tried_again(failure: httpx2.Response | Exception) -> None:
    peer = Peer(failure, failure, GOOD)
    async with peer.client as client:
        assert await stock.level(client, 1) == 7
    assert len(peer.requests) == 3


async def test_what_cannot_succeed_is_not_tried_again_and_opens_no_circuit() -> None:
    peer = Peer(httpx2.Response(404))
    async with peer.client as client:
        for _ in range(12):
            with pytest.raises(HTTPException):
                await stock.level(client, 1)
    assert len(peer.requests) == 12


async def test_after_ten_failures_nothing_is_sent_for_a_while_and_then_one_call(clock: Clock) -> None:
    peer = Peer(httpx2.Response(500))
    async with peer.client as client:

        async def ask() -> None:
            with pytest.raises(HTTPException, match="503: The stock is unknown"):
                await stock.level(client, 1)

        for _ in range(5):
            await ask()
        assert len(peer.requests) == 10
        clock.now = 59
        await ask()
        assert len(peer.requests) == 10
        clock.now = 60
        await asyncio.gather(*(ask() for _ in range(9)))
        assert len(peer.requests) == 11
        clock.now, peer.answers = 120, [GOOD]
        for _ in range(2):
            assert await stock.level(client, 1) == 7


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"quantity": -1}', b'{"quantity": "many"}'],
    ids=["nothing", "HTML", "a list", "negative", "text"],
)
async def test_a_wrong_answer_is_refused(answer: bytes) -> None:
    async with Peer(httpx2.Response(200, content=answer)).client as client:
        with pytest.raises(HTTPException):
            await stock.level(client, 1)


@asynccontextmanager
async def silent_server(said: bytes = b"") -> AsyncIterator[tuple[httpx2.AsyncClient, asyncio.Queue[str]]]:
    """A real server that accepts connections and never finishes; the queue has what happens to them."""
    events: asyncio.Queue[str] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the client left before its request was sent
            await reader.readuntil(b"\r\n\r\n")
            await events.put("called")
            writer.write(said)
        await reader.read()  # until the client closes the connection
        await events.put("closed")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http.create_client(base_url=url, timeout=None) as client:
        yield client, events


async def test_no_call_outlives_its_caller() -> None:
    async with silent_server() as (client, events), asyncio.timeout(20):
        caller = asyncio.create_task(stock.level(client, 1))
        assert await events.get() == "called"
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await events.get() == "closed"


async def test_too_many_calls_and_cancelled_ones_open_no_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is healthy: only its callers are too many, or leave."""
    async with silent_server() as (client, events), asyncio.timeout(20):
        callers = [asyncio.create_task(stock.level(client, 1)) for _ in range(20)]
        for _ in callers:
            assert await events.get() == "called"
        divide_timeouts(monkeypatch, by=100)
        with pytest.raises(HTTPException):
            await stock.level(client, 1)  # gets no slot
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
    async with Peer(GOOD).client as client:
        assert await stock.level(client, 1) == 7


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n\r\n{"], ids=["silent", "never ends"])
async def test_a_service_that_does_not_answer_is_left_alone(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    divide_timeouts(monkeypatch, by=20)
    async with silent_server(said) as (client, events), asyncio.timeout(20):
        for _ in range(4):
            with pytest.raises(HTTPException):
                await stock.level(client, 1)
        assert 10 <= events.qsize() <= 20  # called and closed
    peer = Peer(GOOD)
    async with peer.client as client:
        with pytest.raises(HTTPException):
            await stock.level(client, 1)
    assert peer.requests == []


async def test_a_cookie_is_not_sent_with_the_next_call() -> None:
    said = b'HTTP/1.1 200 OK\r\nSet-Cookie: session=ada\r\nContent-Length: 15\r\n\r\n{"quantity": 7}'
    async with silent_server(said) as (client, _), asyncio.timeout(20):
        assert await stock.level(client, 1) == 7
        assert not client.build_request("GET", "/levels/1").headers.get("cookie")
