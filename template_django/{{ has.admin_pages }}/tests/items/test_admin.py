"""Admin pages for items."""

from django.test import Client
from django.urls import reverse


def test_staff_adds_finds_changes_and_deletes_an_item(staff: Client) -> None:
    items = reverse("admin:items_item_changelist")
    values = {"name": "Lamp", "description": "", "quantity": "3"}
    assert staff.post(f"{items}add/", values).status_code == 302
    [item] = staff.get("/api/items").json()["results"]
    assert (item["name"], item["quantity"]) == ("Lamp", 3)

    change = f"{items}{item['id']}/change/"
    assert change in staff.get(items, {"q": "lam"}).text
    assert change not in staff.get(items, {"q": "table"}).text

    assert 'name="created_at' not in staff.get(change).text
    assert staff.post(change, values | {"quantity": "2"}).status_code == 302
    assert staff.get(f"/api/items/{item['id']}").json()["quantity"] == 2

    assert staff.post(f"{items}{item['id']}/delete/", {"post": "yes"}).status_code == 302
    assert staff.get("/api/items").json()["total"] == 0
