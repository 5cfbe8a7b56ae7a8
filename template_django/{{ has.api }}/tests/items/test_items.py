"""Items over HTTP."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db

ITEMS = "/api/v1/items"
JSON = "application/json"


@pytest.fixture
def client(client: Client, db: None) -> Client:
    """Return a client who may change items."""
    user = get_user_model().objects.create_user("ada@example.com", is_superuser=True)
    client.force_login(user)
    return client


def create(client: Client, **values: object) -> dict[str, Any]:
    """Create an item with the given values, and defaults for the others."""
    response = client.post(ITEMS, {"name": "Lamp"} | values, JSON)
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


def test_location_points_to_the_new_item(client: Client) -> None:
    values = {"name": "Lamp", "description": "It shines.", "quantity": 3}
    created = client.post(ITEMS, values, JSON)

    assert created.status_code == 201
    item = created.json()
    assert created["Location"] == f"{ITEMS}/{item['id']}"
    assert item == values | {key: item[key] for key in ("id", "created_at", "updated_at")}

    found = client.get(created["Location"])
    assert (found.status_code, found.json()) == (200, item)


def test_a_name_is_enough(client: Client) -> None:
    item = create(client, name="  Lamp  ")
    assert (item["name"], item["description"], item["quantity"]) == ("Lamp", "", 0)
    assert str(apps.get_model("items", "Item").objects.get()) == "Lamp"


def test_a_patch_changes_only_the_given_fields(client: Client) -> None:
    item = create(client, description="It shines.", quantity=3)
    response = client.patch(f"{ITEMS}/{item['id']}", {"quantity": 2}, JSON)

    assert response.status_code == 200
    changed = response.json()
    assert changed["updated_at"] > item["updated_at"]
    assert changed == item | {"quantity": 2, "updated_at": changed["updated_at"]}
    assert client.get(f"{ITEMS}/{item['id']}").json() == changed


def test_the_schema_of_a_patch_has_no_defaults(client: Client) -> None:
    document = client.get("/api/openapi.json").json()
    body = document["paths"][f"{ITEMS}/{{item_id}}"]["patch"]["requestBody"]["content"][JSON]
    schema = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    assert schema["properties"].keys() == {"name", "description", "quantity"}
    assert "required" not in schema
    assert not any("default" in field for field in schema["properties"].values())


def test_moments_have_a_time_zone(client: Client) -> None:
    item = create(client)
    found = client.get(f"{ITEMS}/{item['id']}").json()
    assert found["created_at"] == item["created_at"]
    assert found["created_at"].endswith("Z")


def test_a_deleted_item_is_gone(client: Client) -> None:
    address = f"{ITEMS}/{create(client)['id']}"

    deleted = client.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(address).status_code == 404
    assert client.patch(address, {"quantity": 1}, JSON).status_code == 404
    assert client.delete(address).status_code == 404


def test_a_list_comes_in_pages(client: Client) -> None:
    items = [create(client, name=f"Lamp {number}") for number in range(5)]

    everything = client.get(ITEMS).json()
    assert everything == {"results": items, "total": 5, "limit": 20, "offset": 0, "next": None}
    page = client.get(ITEMS, {"limit": 2, "offset": 3}).json()
    assert (page["results"], page["total"], page["offset"]) == (items[3:], 5, 3)
    beyond = client.get(ITEMS, {"offset": 2**31 - 1}).json()
    assert (beyond["results"], beyond["total"]) == ([], 5)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "offset=-1", f"offset={2**31}"]
)
def test_a_page_has_bounds(client: Client, query: str) -> None:
    response = client.get(f"{ITEMS}?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


def test_names_are_unique(client: Client) -> None:
    create(client, name="Lamp")
    other = create(client, name="Table")

    created = client.post(ITEMS, {"name": "Lamp"}, JSON)
    assert created.status_code == 409
    renamed = client.patch(f"{ITEMS}/{other['id']}", {"name": "Lamp"}, JSON)
    assert renamed.status_code == 409
    assert renamed.json()["detail"] == "An item with this name already exists."
    assert client.get(ITEMS).json()["total"] == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 101),
        ("name", "nu\0l"),
        ("name", None),
        ("name", 1),
        ("description", "x" * 1001),
        ("description", "nu\0l"),
        ("description", None),
        ("quantity", -1),
        ("quantity", 2**31),
        ("quantity", 10**100),
        ("quantity", 0.5),
        ("quantity", "7"),
        ("quantity", True),
        ("quantity", None),
        ("colour", "red"),
        ("id", 1),
    ],
)
def test_bad_values_are_refused(client: Client, field: str, value: object) -> None:
    item = create(client)
    for response in (
        client.post(ITEMS, {"name": "Table", field: value}, JSON),
        client.patch(f"{ITEMS}/{item['id']}", {field: value}, JSON),
    ):
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [f"body.{field}"]
    assert client.get(ITEMS).json()["results"] == [item]


def test_text_that_cannot_be_encoded_is_refused(client: Client) -> None:
    assert client.post(ITEMS, {"name": "\ud800"}, JSON).status_code == 422


@pytest.mark.parametrize(
    "values",
    [
        {"name": "x" * 100, "description": "x" * 1000, "quantity": 2**31 - 1},
        {"name": "🪔 مصباح", "quantity": 0},
    ],
)
def test_extreme_values_are_kept(client: Client, values: dict[str, object]) -> None:
    item = create(client, **values)
    found = client.get(f"{ITEMS}/{item['id']}")
    assert found.json() == item | values


def test_names_are_trimmed(client: Client) -> None:
    assert create(client, name=f" {'x' * 98} ")["name"] == "x" * 98


@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite locks no rows")
def test_only_a_deletion_waits_for_new_rows_that_refer_to_it(client: Client) -> None:
    """Where only one kind of lock exists, a change waits as well."""
    address = f"{ITEMS}/{create(client)['id']}"
    change = "NO KEY UPDATE" if connection.features.has_select_for_no_key_update else "UPDATE"
    locks = {"GET": [], "PATCH": [change], "DELETE": ["UPDATE"]}
    for method, expected in locks.items():
        with CaptureQueriesContext(connection) as queries:
            client.generic(method, address, '{"quantity": 2}', JSON)
        statements = [query["sql"].partition(" FOR ") for query in queries]
        assert [lock for _, found, lock in statements if found] == expected, method


@pytest.mark.parametrize("item_id", ["0", "-1", "x", "1.5", str(2**63), str(10**30), "%00"])
def test_an_impossible_identifier_is_refused(client: Client, item_id: str) -> None:
    for method in ("GET", "DELETE"):
        response = client.generic(method, f"{ITEMS}/{item_id}")
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "path.item_id"


def test_the_greatest_identifier_is_merely_unknown(client: Client) -> None:
    response = client.get(f"{ITEMS}/{2**63 - 1}")
    assert response.status_code == 404
    assert response.json()["detail"] == "Item not found."
