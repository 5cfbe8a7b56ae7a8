"""Notes over HTTP."""

from httpx2 import AsyncClient


async def test_a_note_is_greeted(client: AsyncClient) -> None:
    created = await client.post("/api/notes", json={"text": "Buy milk"})
    assert (created.status_code, created.json()) == (201, {"note": "Hello, this is the 1st"})
