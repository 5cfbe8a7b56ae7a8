"""Admin pages for items."""

from django.test import Client

ITEMS = "/admin/items/item/"


def test_staff_adds_finds_changes_and_deletes_an_item(staff: Client) -> None:
    values = {"name": "Lamp", "description": "", "quantity": "3"}
    assert staff.post(f"{ITEMS}add/", values).status_code == 302
    [item] = staff.get("/api/items").json()["results"]
    assert (item["name"], item["quantity"]) == ("Lamp", 3)

    change = f"{ITEMS}{item['id']}/change/"
    assert change in staff.get(ITEMS, {"q": "lam"}).text
    assert change not in staff.get(ITEMS, {"q": "table"}).text

    assert 'name="created_at' not in staff.get(change).text
    assert staff.post(change, values | {"quantity": "2"}).status_code == 302
    assert staff.get(f"/api/items/{item['id']}").json()["quantity"] == 2

    assert staff.post(f"{ITEMS}{item['id']}/delete/", {"post": "yes"}).status_code == 302
    assert staff.get("/api/items").json()["total"] == 0
