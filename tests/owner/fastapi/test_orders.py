"""Orders, which refer to items, over HTTP."""

import pytest
from httpx2 import AsyncClient


@pytest.fixture
async def item(client: AsyncClient) -> int:
    return int((await client.post("/api/v1/items", json={"name": "Lamp"})).json()["id"])


async def test_an_order_refers_to_an_item(client: AsyncClient, item: int) -> None:
    created = await client.post("/api/v1/orders", json={"name": "First", "item_id": item})
    assert (created.status_code, created.json()["item_id"]) == (201, item)
    assert (await client.get(created.headers["Location"])).json() == created.json()
    changed = await client.patch(created.headers["Location"], json={"quantity": 2})
    assert changed.json()["item_id"] == item
    assert (await client.delete(f"/api/v1/items/{item}")).status_code == 409


@pytest.mark.parametrize("item_id", [0, 7, 2**63 - 1, 2**63, 10**30])
async def test_an_item_that_does_not_exist_is_refused(
    client: AsyncClient, item: int, item_id: int
) -> None:
    order = await client.post("/api/v1/orders", json={"name": "First", "item_id": item})
    new = {"name": "Second", "item_id": item_id}
    assert (await client.post("/api/v1/orders", json=new)).status_code == 422
    change = {"item_id": item_id}
    assert (await client.patch(order.headers["Location"], json=change)).status_code == 422


async def test_the_id_of_an_item_is_a_number(client: AsyncClient, item: int) -> None:
    for item_id in (str(item), True):
        new = {"name": "First", "item_id": item_id}
        assert (await client.post("/api/v1/orders", json=new)).status_code == 422
