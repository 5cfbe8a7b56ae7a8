"""The list of items: filters, orders and cursors."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from pydantic_core import to_json

pytestmark = pytest.mark.django_db

ITEMS = "/api/v1/items"
QUANTITIES = {"Chair": 4, "Lamp": 3, "Table": 1, "Desk lamp": 3, "100 %": 0}


@pytest.fixture(autouse=True)
def items(db: None) -> None:
    for name, quantity in QUANTITIES.items():
        apps.get_model("items", "Item").objects.create(name=name, quantity=quantity)


def names(client: Client, **query: str | int) -> list[str]:
    """Return the names in the list, read one page after the other."""
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        response = client.get(ITEMS, query | {"cursor": page["next"], "limit": 2})
        assert response.status_code == 200, response.text
        page = response.json()
        found += [item["name"] for item in page["results"]]
    return found


@pytest.mark.parametrize("field", ["id", "name", "quantity", "created_at"])
def test_pages_follow_each_other_in_each_order(client: Client, field: str) -> None:
    items = client.get(ITEMS).json()["results"]
    items.sort(key=lambda item: (item[field], item["id"]))
    expected = [item["name"] for item in items]
    assert names(client, sort=field) == expected
    assert names(client, sort=f"-{field}") == expected[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"search": "LAMP"}, ["Lamp", "Desk lamp"]),
        ({"search": "%"}, ["100 %"]),
        ({"min_quantity": 3}, ["Chair", "Lamp", "Desk lamp"]),
        ({"search": "lamp", "min_quantity": 4}, []),
    ],
)
def test_a_list_has_what_is_asked_for(
    client: Client, query: dict[str, str | int], expected: list[str]
) -> None:
    assert names(client, **query) == expected
    assert client.get(ITEMS, query).json()["total"] == len(expected)


def test_a_cursor_is_not_moved_by_new_and_deleted_rows(client: Client) -> None:
    query: dict[str, str | int] = {"sort": "name", "limit": 2}
    first = client.get(ITEMS, query).json()
    assert [item["name"] for item in first["results"]] == ["100 %", "Chair"]
    model = apps.get_model("items", "Item")
    model.objects.create(name="Armchair")
    model.objects.get(name="Chair").delete()
    second = client.get(ITEMS, query | {"cursor": first["next"]}).json()
    assert [item["name"] for item in second["results"]] == ["Desk lamp", "Lamp"]
    assert (first["total"], second["total"]) == (5, None)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff", b"7", b"{}", b"[" * 2000, b'["id"]', b'["id",1]', b'["name","Lamp",1]'),
        *(b'["id",null,1]', b'["id","x",1]', b'["id",1,1e400]', b'["id",1,%d]' % 2**63),
        b"[[],1,1]",
    ],
)
def test_an_unknown_cursor_is_refused(client: Client, content: bytes) -> None:
    cursor = urlsafe_b64encode(content).decode().rstrip("=") or "é"
    response = client.get(ITEMS, {"cursor": cursor})
    assert response.status_code == 422, response.text
    assert response.json()["detail"] == "This list has no such cursor."


@pytest.mark.parametrize(
    ("sort", "value"),
    [("name", "a\0b"), ("quantity", 2**63), ("created_at", "0001-01-01T00:00:00+14:00")],
)
def test_a_cursor_has_only_values_that_its_column_holds(
    client: Client, sort: str, value: object
) -> None:
    cursor = urlsafe_b64encode(to_json([sort, value, 1])).decode()
    assert client.get(ITEMS, {"cursor": cursor, "sort": sort}).status_code == 422


@pytest.mark.parametrize("query", ["sort=colour", "sort=", "min_quantity=-1", "search=%00"])
def test_a_query_that_means_nothing_is_refused(client: Client, query: str) -> None:
    assert client.get(f"{ITEMS}?{query}").status_code == 422
