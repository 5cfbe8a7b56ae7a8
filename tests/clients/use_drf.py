"""Use the client of Django's API, with REST framework, as another service does: python use_drf.py URL TOKEN."""

import sys

from service_client import AuthenticatedClient
from service_client.api.items import items_create, items_list
from service_client.models import Item, ItemPage, ItemRequest, ItemsListSort, Problem
from service_client.types import Unset

url, token = sys.argv[1:]

# Without a valid token, the answer is a problem.
refused = items_create.sync(client=AuthenticatedClient(url, "none"), body=ItemRequest("py-0"))
assert isinstance(refused, Problem)
assert (refused.status, refused.title) == (401, "Unauthorized")
client = AuthenticatedClient(url, token)

created = items_create.sync_detailed(client=client, body=ItemRequest("py-1", quantity=3))
assert isinstance(created.parsed, Item)
assert created.status_code == 201
assert (created.parsed.name, created.parsed.quantity) == ("py-1", 3)

# An invalid value names its field.
invalid = items_create.sync(client=client, body=ItemRequest("py-2", quantity=-1))
assert isinstance(invalid, Problem)
assert not isinstance(invalid.errors, Unset)
assert [error.field for error in invalid.errors] == ["body.quantity"]

# All pages, one after the other.
for name in ("py-2", "py-3"):
    items_create.sync(client=client, body=ItemRequest(name))
names: list[str] = []
cursor: str | None = ""
while cursor is not None:
    page = items_list.sync(client=client, limit=2, search="py-", sort=ItemsListSort("-name"), cursor=cursor)
    assert isinstance(page, ItemPage)
    names += [each.name for each in page.results]
    cursor = page.next_
assert names == ["py-3", "py-2", "py-1"]
