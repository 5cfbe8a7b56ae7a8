"""Members of a room read what others say."""

import secrets

import pytest
from httpx2 import AsyncClient

ROOM = f"test-{secrets.token_hex(8)}"


async def test_the_latest_posts_can_be_read(member: AsyncClient) -> None:
    assert (await member.get(f"/api/v1/rooms/{ROOM}")).json() == {"posts": []}
    created = await member.post(f"/api/v1/rooms/{ROOM}/posts", json={"text": " Hello "})
    assert created.status_code == 201
    assert created.json()["text"] == "Hello"
    assert (await member.get(f"/api/v1/rooms/{ROOM}")).json() == {"posts": [created.json()]}
    assert (await member.get("/api/v1/rooms/another")).json() == {"posts": []}


@pytest.mark.parametrize("text", ["", " ", "x" * 1001])
async def test_a_post_has_a_text(member: AsyncClient, text: str) -> None:
    refused = await member.post(f"/api/v1/rooms/{ROOM}/posts", json={"text": text})
    assert refused.status_code == 422


async def test_strangers_are_refused(client: AsyncClient) -> None:
    assert (await client.get(f"/api/v1/rooms/{ROOM}")).status_code in {401, 422}
    refused = await client.post(f"/api/v1/rooms/{ROOM}/posts", json={"text": "Hello"})
    assert refused.status_code in {401, 422}
