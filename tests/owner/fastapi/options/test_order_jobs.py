"""A job of the owner's."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from service import order_jobs
from service.background import queue
from service.environment import environment
from service.items.models import Item
from service.schedule import SCHEDULE

from .item_jobs.conftest import client, identity

__all__ = ["client", "identity"]


async def test_a_part_has_its_effect_once(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = environment.model_copy(update={"redis_url": ""})
    monkeypatch.setattr(queue, "environment", without)
    lamp = (await client.post("/api/v1/items", json={"name": "Lamp", "quantity": 3})).json()
    job = (await client.post("/api/v1/stock/double", json=[lamp["id"]])).json()
    done = (await client.get(f"/api/v1/jobs/{job}")).json()
    assert (done["title"], done["status"], done["position"]) == ("Double the stock", "done", 1)
    result = await client.get(f"/api/v1/jobs/{job}/result.csv")
    assert result.text.endswith(f"{lamp['id']},6\r\n")
    item = await session.get_one(Item, lamp["id"], populate_existing=True)
    assert item.quantity == 6


def test_it_is_scheduled() -> None:
    assert SCHEDULE[order_jobs.look_around] == 60
