"""Use the client of Django's API, with Django Ninja, as another service does: python use_ninja.py URL TOKEN."""

import sys

from service_client import AuthenticatedClient
from service_client.api.items import items_create_item, items_list_items
from service_client.models import (
    ItemCreate,
    ItemRead,
    ItemsCreateItemResponse401,
    ItemsCreateItemResponseDefault,
    ItemsListItemsSort,
    PageItemRead,
)
from service_client.types import Unset

url, token = sys.argv[1:]

# Without a valid token, the answer is a problem.
refused = items_create_item.sync(client=AuthenticatedClient(url, "none"), body=ItemCreate("py-0"))
assert isinstance(refused, ItemsCreateItemResponse401)
assert (refused.status, refused.title) == (401, "Unauthorized")
client = AuthenticatedClient(url, token)

created = items_create_item.sync_detailed(client=client, body=ItemCreate("py-1", quantity=3))
assert isinstance(created.parsed, ItemRead)
assert created.status_code == 201
assert (created.parsed.name, created.parsed.quantity) == ("py-1", 3)

# An invalid value names its field.
invalid = items_create_item.sync(client=client, body=ItemCreate("py-2", quantity=-1))
assert isinstance(invalid, ItemsCreateItemResponseDefault)
assert not isinstance(invalid.errors, Unset)
assert [error.field for error in invalid.errors] == ["body.quantity"]

# All pages, one after the other.
for name in ("py-2", "py-3"):
    items_create_item.sync(client=client, body=ItemCreate(name))
names: list[str] = []
cursor: str | None = ""
while cursor is not None:
    page = items_list_items.sync(client=client, limit=2, search="py-", sort=ItemsListItemsSort("-name"), cursor=cursor)
    assert isinstance(page, PageItemRead)
    names += [each.name for each in page.results]
    cursor = page.next_
assert names == ["py-3", "py-2", "py-1"]
