"""Use the client that openapi-python-client generates, as another service does: python use.py URL."""

import sys
import uuid

from service_client import AuthenticatedClient, Client
from service_client.api.accounts import create_token
from service_client.api.items import create_item, create_items, list_items, update_item
from service_client.models import (
    BatchItemCreate,
    ItemCreate,
    ItemRead,
    ItemUpdate,
    ListItemsSort,
    PageItemRead,
    Problem,
    ResultsItemRead,
    TokenForm,
    TokenFormGrantType,
    TokenRead,
)
from service_client.types import Unset

url = sys.argv[1]

form = TokenForm(TokenFormGrantType.PASSWORD, username="dev@example.com", password="for-development")  # noqa: S106
token = create_token.sync(client=Client(url), body=form)
assert isinstance(token, TokenRead)

# Without a valid token, the answer is a problem.
problem = create_item.sync(client=AuthenticatedClient(url, "none"), body=ItemCreate("py-0"))
assert isinstance(problem, Problem)
assert (problem.status, problem.title) == (401, "Unauthorized")
client = AuthenticatedClient(url, token.access_token)

# A create that is repeated, as after a timeout.
key, lamp = str(uuid.uuid4()), ItemCreate("py-1", quantity=3)
created = create_item.sync_detailed(client=client, body=lamp, idempotency_key=key)
repeated = create_item.sync_detailed(client=client, body=lamp, idempotency_key=key)
item = created.parsed
assert isinstance(item, ItemRead)
assert created.status_code == 201
assert repeated.headers["Idempotent-Replayed"] == "true"
assert repeated.parsed == item

# An invalid value names its field.
invalid = create_item.sync(client=client, body=ItemCreate("py-2", quantity=-1))
assert isinstance(invalid, Problem)
assert not isinstance(invalid.errors, Unset)
assert [error.field for error in invalid.errors] == ["body.quantity"]

# Many at once, with a result for each.
batch = BatchItemCreate([ItemCreate("py-2"), ItemCreate("py-1"), ItemCreate("py-3")])
bulk = create_items.sync(client=client, body=batch)
assert isinstance(bulk, ResultsItemRead)
assert [result.status for result in bulk.results] == [201, 409, 201]
assert isinstance(bulk.results[0].created, ItemRead)
assert bulk.results[0].created.name == "py-2"

# All pages, one after the other.
names: list[str] = []
cursor: str | None = ""
while cursor is not None:
    page = list_items.sync(client=client, limit=2, search="py-", sort=ListItemsSort.VALUE_3, cursor=cursor)
    assert isinstance(page, PageItemRead)
    names += [each.name for each in page.results]
    cursor = page.next_
assert names == ["py-3", "py-2", "py-1"]

# Overwrite only what was read.
change, tag = ItemUpdate(quantity=4), created.headers["ETag"]
changed = update_item.sync(item.id, client=client, body=change, if_match=tag)
late = update_item.sync(item.id, client=client, body=change, if_match=tag)
assert isinstance(changed, ItemRead)
assert changed.quantity == 4
assert isinstance(late, Problem)
assert late.status == 412
