"""The page at / in development."""

import re
from urllib.parse import urljoin

from httpx2 import AsyncClient


async def test_the_first_page_links_to_what_exists(client: AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    links = [urljoin("/", link) for link in re.findall(r'href="(?!data:)(.*?)"', page.text)]
    assert links == ["/_home/home.css", "/api/docs", "/health/ready"]
    for link in links:
        assert (await client.get(link)).status_code == 200, link


async def test_the_first_page_is_no_operation_of_the_api(client: AsyncClient) -> None:
    schema = (await client.get("/api/openapi.json")).json()
    assert not {"/", "/_home"} & schema["paths"].keys()
