"""The recipe for calls to another service: peers that are slow, fail or lie."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import httpx2
import pytest
import stamina
from purgatory import AsyncCircuitBreakerFactory

from my_service import stock
from my_service.core import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a circuit of its own, and does not pause between attempts."""
    monkeypatch.setattr(stock, "breakers", AsyncCircuitBreakerFactory(5, 30))
    monkeypatch.setattr(stock, "calls", asyncio.Semaphore(20))
    with stamina.set_testing(True, attempts=9, cap=True):  # as many attempts as the recipe allows
        yield


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
        return stock.create_client(transport=httpx2.MockTransport(self))


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
        for _ in range(7):
            with pytest.raises(stock.UnavailableError):
                await stock.level(client, 1)
    assert len(peer.requests) == 7


async def test_after_five_failures_nothing_is_sent_for_a_while() -> None:
    peer = Peer(httpx2.Response(500))
    async with peer.client as client:
        for _ in range(4):
            with pytest.raises(stock.UnavailableError) as refused:
                await stock.level(client, 1)
    assert len(peer.requests) == 5
    assert refused.value.__cause__
    assert not refused.value.__cause__.__traceback__  # it would grow: the exception is the same each time


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"quantity": -1}', b'{"quantity": "many"}', b'{"quantity": 7}' + b" " * 100_000],
    ids=["nothing", "HTML", "a list", "negative", "text", "too large"],
)
async def test_a_wrong_answer_is_refused(answer: bytes) -> None:
    async with Peer(httpx2.Response(200, content=answer)).client as client:
        with pytest.raises(stock.UnavailableError):
            await stock.level(client, 1)


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[httpx2.AsyncClient, asyncio.Queue[str]]]:
    """A real server that accepts connections and never answers; the queue has what happens to them."""
    events: asyncio.Queue[str] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the client left before its request was sent
            await reader.readuntil(b"\r\n\r\n")
            await events.put("called")
        await reader.read()  # until the client closes the connection
        await events.put("closed")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, stock.create_client() as client:
        client.base_url = httpx2.URL(url)
        yield client, events


async def test_a_slow_service_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "DEADLINE", 0.1)
    monkeypatch.setattr(stock, "ATTEMPT", None)
    async with silent_server() as (client, events), asyncio.timeout(20):
        client.timeout = httpx2.Timeout(None)
        with pytest.raises(stock.UnavailableError):
            await stock.level(client, 1)
        assert [await events.get(), await events.get()] == ["called", "closed"]


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
    monkeypatch.setattr(stock, "WAIT", 0.1)
    monkeypatch.setattr(stock, "DEADLINE", None)
    monkeypatch.setattr(stock, "ATTEMPT", None)
    async with silent_server() as (client, events), asyncio.timeout(20):
        client.timeout = httpx2.Timeout(None)
        callers = [asyncio.create_task(stock.level(client, 1)) for _ in range(30)]
        for _ in range(20):
            assert await events.get() == "called"
        waiting = callers
        while len(waiting) > 20:
            finished, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert {type(refused.exception()) for refused in finished} == {stock.UnavailableError}
        for caller in waiting:
            caller.cancel()
        await asyncio.wait(waiting)
    async with Peer(GOOD).client as client:
        assert await stock.level(client, 1) == 7


async def test_a_response_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "ATTEMPT", 0.01)
    async with silent_server() as (client, _), asyncio.timeout(20):
        client.timeout = httpx2.Timeout(None)
        for _ in range(5):
            with pytest.raises(stock.UnavailableError):
                await stock.level(client, 1)
    peer = Peer(GOOD)
    async with peer.client as client:
        with pytest.raises(stock.UnavailableError):
            await stock.level(client, 1)
    assert peer.requests == []
