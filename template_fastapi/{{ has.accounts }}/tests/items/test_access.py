"""Everybody may read items. Writing needs the scope `items:write`."""

import pytest
from httpx2 import AsyncClient

WRITES = [
    ("POST", "/api/v1/items"),
    ("POST", "/api/v1/items:bulk"),
    ("PATCH", "/api/v1/items/1"),
    ("DELETE", "/api/v1/items/1"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_an_anonymous_caller_cannot_write(
    client: AsyncClient, method: str, path: str
) -> None:
    del client.headers["Authorization"]
    refused = await client.request(method, path, json={"name": "Lamp"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/api/v1/items")).json()["total"] == 0


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_token_without_the_scope_cannot_write(
    client: AsyncClient, reader: str, method: str, path: str
) -> None:
    client.headers["Authorization"] = reader
    refused = await client.request(method, path, json={"name": "Lamp"})
    assert refused.status_code == 403
    assert 'scope="items:write"' in refused.headers["www-authenticate"]
    assert (await client.get("/api/v1/items")).json()["total"] == 0
