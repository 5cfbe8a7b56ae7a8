"""API_DOCS opens and closes the API's description."""

import pytest
from httpx2 import AsyncClient

from .serving import serving

ADDRESSES = ("/api/openapi.json", "/api/docs")


async def test_open() -> None:
    async with serving(api_docs=True) as client:
        schema, page = [await client.get(address) for address in ADDRESSES]
    assert "/probe/numbers/{number}" in schema.json()["paths"]
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_closed(address: str) -> None:
    async with serving(api_docs=False) as client:
        assert (await client.get(address)).status_code == 404


async def test_every_operation_promises_problems(client: AsyncClient) -> None:
    schema = (await client.get("/api/openapi.json")).json()
    for path in schema["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
