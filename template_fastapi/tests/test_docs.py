"""The API's documentation."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from httpx2 import AsyncClient


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/oauth2-redirect"])
async def test_pages_load_and_run_only_what_the_service_has(client: AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.headers["content-type"].startswith("text/html")
    for address in re.findall(r'(?:src|href)="(.*?)"', page.text):
        assert address.startswith("/api/docs/assets/")
        assert (await client.get(address)).status_code == 200
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "connect-src 'self' https: http://localhost:*;" in policy  # identity providers
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    # A login with OAuth 2 opens a window, which reports back.
    assert page.headers["cross-origin-opener-policy"] != "same-origin"


async def test_the_schema_is_where_the_page_expects_it(client: AsyncClient) -> None:
    page = await client.get("/api/docs")
    assert "url: '/api/openapi.json'" in page.text
    schema = (await client.get("/api/openapi.json")).json()
    for path in schema["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


@pytest.mark.parametrize("name", ["nothing", "..%2f__init__.py", "%00"])
async def test_missing_assets_are_problems(client: AsyncClient, name: str) -> None:
    response = await client.get(f"/api/docs/assets/{name}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
