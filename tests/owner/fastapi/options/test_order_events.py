"""Events of an order."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncConnection

from service.environment import environment
from service.live.hub import Hub, create_hub
from service.main import app


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = create_hub(environment.redis_url, max_connections=10)
    hub.start()
    yield hub
    await hub.stop()


async def test_a_client_gets_the_messages_alone(
    client: AsyncClient, connection: AsyncConnection, hub: Hub
) -> None:
    first = await hub.publish("orders/7", {"text": "Paid"})
    await hub.publish("orders/7", {"text": "Packed"})
    request = client.build_request("GET", "/live/orders/7", headers={"Last-Event-ID": first})
    sent, left = asyncio.Queue[Any](), asyncio.Event()
    scope = {
        "type": "http",
        "method": "GET",
        "path": request.url.path,
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": ("localhost", 80),
        "state": {"engine": connection, "read_engine": connection, "hub": hub},
    }

    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    text = ""
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(app(scope, receive, sent.put))
        start = await sent.get()
        assert start["status"] == 200, await sent.get()
        while "data:" not in text:
            text += (await sent.get())["body"].decode()
        left.set()
    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    assert lines["event"] == "message"
    assert json.loads(lines["data"])["text"] == "Packed"
    assert lines["id"]
    assert lines["retry"]


async def test_only_writers_tell(client: AsyncClient) -> None:
    refused = await client.post("/api/v1/orders/7/news", params={"text": "Packed"}, headers={"Authorization": ""})
    assert refused.status_code == 401
