"""Orders, which refer to items, over HTTP."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "application/json"


@pytest.fixture
def client(client: Client) -> Client:
    user = get_user_model().objects.create_user("ada@example.com", is_superuser=True)
    client.force_login(user)
    return client


@pytest.fixture
def item(client: Client) -> int:
    return int(client.post("/api/v1/items", {"name": "Lamp"}, JSON).json()["id"])


def test_an_order_refers_to_an_item(client: Client, item: int) -> None:
    created = client.post("/api/v1/orders", {"name": "First", "item_id": item}, JSON)
    assert (created.status_code, created.json()["item_id"]) == (201, item)
    assert client.get(created["Location"]).json() == created.json()
    assert client.patch(created["Location"], {"quantity": 2}, JSON).json()["item_id"] == item
    assert client.delete(f"/api/v1/items/{item}").status_code == 409


@pytest.mark.parametrize("item_id", [0, 7, 2**63 - 1, 2**63, 10**30])
def test_an_item_that_does_not_exist_is_refused(client: Client, item: int, item_id: int) -> None:
    order = client.post("/api/v1/orders", {"name": "First", "item_id": item}, JSON)
    for response in (
        client.post("/api/v1/orders", {"name": "Second", "item_id": item_id}, JSON),
        client.patch(order["Location"], {"item_id": item_id}, JSON),
    ):
        assert response.status_code == 422


def test_the_id_of_an_item_is_a_number(client: Client, item: int) -> None:
    for item_id in (str(item), True):
        new = {"name": "First", "item_id": item_id}
        assert client.post("/api/v1/orders", new, JSON).status_code == 422
