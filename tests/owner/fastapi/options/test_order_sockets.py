"""A WebSocket for each order."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from service.environment import environment
from service.live.hub import create_hub
from service.main import app

from .core.connecting import connected
from .core.identity import identity_provider


@pytest.fixture
async def state(connection: AsyncConnection) -> AsyncIterator[dict[str, Any]]:
    hub = create_hub(environment.redis_url, max_connections=10)
    hub.start()
    yield {"engine": connection, "read_engine": connection, "hub": hub}
    await hub.stop()


async def test_remarks_are_heard(state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with identity_provider(monkeypatch) as identity:
        async with connected(app, "/live/orders/7", state) as one:
            one.send({"token": identity.token()})
            await one.receive("presence")
            one.send({"remark": "Fragile"})
            assert (await one.receive())["data"]["remark"] == "Fragile"
            one.send({"text": "What is this?"})
            code, _ = await one.closed()
            assert code == 1008
