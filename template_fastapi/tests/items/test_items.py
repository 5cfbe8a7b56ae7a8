"""Items over HTTP."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

ITEMS = "/api/items"
JSON = {"Content-Type": "application/json"}


async def create(client: AsyncClient, **values: object) -> dict[str, Any]:
    """Create an item with the given values, and defaults for the others."""
    response = await client.post(ITEMS, json={"name": "Lamp"} | values)
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


async def test_an_item_lives_at_its_location(client: AsyncClient) -> None:
    values = {"name": "Lamp", "description": "It shines.", "quantity": 3}
    created = await client.post(ITEMS, json=values)

    assert created.status_code == 201
    item = created.json()
    assert created.headers["location"] == f"{ITEMS}/{item['id']}"
    assert item == values | {key: item[key] for key in ("id", "created_at", "updated_at")}

    found = await client.get(created.headers["location"])
    assert (found.status_code, found.json()) == (200, item)


async def test_a_name_is_enough(client: AsyncClient) -> None:
    item = await create(client, name="  Lamp  ")
    assert (item["name"], item["description"], item["quantity"]) == ("Lamp", "", 0)


async def test_a_patch_changes_what_it_names(client: AsyncClient) -> None:
    item = await create(client, description="It shines.", quantity=3)
    response = await client.patch(f"{ITEMS}/{item['id']}", json={"quantity": 2})

    assert response.status_code == 200
    changed = response.json()
    assert changed["updated_at"] > item["updated_at"]
    assert changed == item | {"quantity": 2, "updated_at": changed["updated_at"]}
    assert (await client.get(f"{ITEMS}/{item['id']}")).json() == changed


async def test_a_generated_client_patches_only_what_it_is_told(client: AsyncClient) -> None:
    schema = (await client.get("/api/openapi.json")).json()["components"]["schemas"]["ItemUpdate"]
    assert schema["properties"].keys() == {"name", "description", "quantity"}
    assert "required" not in schema
    assert not any("default" in field for field in schema["properties"].values())


async def test_moments_have_a_time_zone(client: AsyncClient) -> None:
    item = await create(client)
    found = (await client.get(f"{ITEMS}/{item['id']}")).json()
    assert found["created_at"] == item["created_at"]
    assert found["created_at"].endswith("Z")


async def test_a_deleted_item_is_gone(client: AsyncClient) -> None:
    item = await create(client)
    address = f"{ITEMS}/{item['id']}"

    deleted = await client.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(address)).status_code == 404
    assert (await client.patch(address, json={"quantity": 1})).status_code == 404
    assert (await client.delete(address)).status_code == 404


async def test_a_list_comes_in_pages(client: AsyncClient) -> None:
    items = [await create(client, name=f"Lamp {number}") for number in range(5)]

    everything = (await client.get(ITEMS)).json()
    assert everything == {"results": items, "total": 5, "limit": 20, "offset": 0}
    page = (await client.get(ITEMS, params={"limit": 2, "offset": 3})).json()
    assert page == {"results": items[3:], "total": 5, "limit": 2, "offset": 3}
    beyond = (await client.get(ITEMS, params={"offset": 2**31 - 1})).json()
    assert (beyond["results"], beyond["total"]) == ([], 5)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "offset=-1", f"offset={2**31}"]
)
async def test_a_page_has_bounds(client: AsyncClient, query: str) -> None:
    response = await client.get(f"{ITEMS}?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


async def test_names_are_unique(client: AsyncClient) -> None:
    await create(client, name="Lamp")
    other = await create(client, name="Table")

    created = await client.post(ITEMS, json={"name": "Lamp"})
    assert created.status_code == 409
    renamed = await client.patch(f"{ITEMS}/{other['id']}", json={"name": "Lamp"})
    assert renamed.status_code == 409
    assert renamed.json()["detail"] == "There is already an item with this name."
    assert (await client.get(ITEMS)).json()["total"] == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 101),
        ("name", "nu\0l"),
        ("name", "\ud800"),
        ("name", None),
        ("name", 1),
        ("description", "x" * 1001),
        ("description", "nu\0l"),
        ("description", None),
        ("quantity", -1),
        ("quantity", 2**31),
        ("quantity", 10**100),
        ("quantity", 0.5),
        ("quantity", None),
        ("colour", "red"),
        ("id", 1),
    ],
)
async def test_bad_values_are_refused(client: AsyncClient, field: str, value: object) -> None:
    item = await create(client)
    for method, address, values in (
        ("POST", ITEMS, {"name": "Table", field: value}),
        ("PATCH", f"{ITEMS}/{item['id']}", {field: value}),
    ):
        # Written here, because the client itself refuses to send half a surrogate pair.
        response = await client.request(method, address, content=json.dumps(values), headers=JSON)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert (await client.get(ITEMS)).json()["results"] == [item]


@pytest.mark.parametrize(
    "values", [{"name": "x" * 100, "quantity": 2**31 - 1}, {"name": "🪔 مصباح"}]
)
async def test_extreme_values_are_kept(client: AsyncClient, values: dict[str, object]) -> None:
    item = await create(client, **values)
    found = await client.get(f"{ITEMS}/{item['id']}")
    assert found.json() == item | values


@pytest.mark.parametrize("item_id", ["0", "-1", "x", "1.5", str(2**63), str(10**30), "%00"])
async def test_an_impossible_identifier_is_refused(client: AsyncClient, item_id: str) -> None:
    for method in ("GET", "DELETE"):
        response = await client.request(method, f"{ITEMS}/{item_id}")
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "path.item_id"


async def test_the_greatest_identifier_is_merely_unknown(client: AsyncClient) -> None:
    response = await client.get(f"{ITEMS}/{2**63 - 1}")
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no such item."
