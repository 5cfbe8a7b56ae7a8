"""API_DOCS opens and closes the API's description."""

import re
from urllib.parse import urljoin

import pytest
from httpx2 import AsyncClient

from .serving import serving

ADDRESSES = ("/api/openapi.json", "/api/docs")


async def test_open() -> None:
    async with serving(api_docs=True) as client:
        schema, page = [await client.get(address) for address in ADDRESSES]
        assert "/probe/numbers/{number}" in schema.json()["paths"]
        assert page.headers["content-type"].startswith("text/html")
        # It needs nobody else's server, and runs no script but its own.
        loaded = re.findall(r'(?:src|href)="(.*?)"', page.text)
        assert len(loaded) == 3
        for path in loaded:
            address = urljoin("/api/docs", path)
            assert address.startswith("/api/docs/")
            assert (await client.get(address)).status_code == 200
        assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("address", [*ADDRESSES, "/api/docs/assets/swagger-ui-bundle.js"])
async def test_closed(address: str) -> None:
    async with serving(api_docs=False) as client:
        response = await client.get(address)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_what_the_page_does_not_have_is_a_problem() -> None:
    async with serving(api_docs=True) as client:
        for address in ("nothing", "..%2f__init__.py", "%00"):
            response = await client.get(f"/api/docs/assets/{address}")
            assert response.status_code == 404
            assert response.headers["content-type"] == "application/problem+json"


async def test_every_operation_promises_problems(client: AsyncClient) -> None:
    schema = (await client.get("/api/openapi.json")).json()
    for path in schema["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
