"""A prediction requires a token, but no scope."""

from httpx2 import AsyncClient

from .test_iris import FLOWER, URL


async def test_a_prediction_requires_a_token(client: AsyncClient) -> None:
    assert (await client.post(URL, json=FLOWER)).status_code == 200
    del client.headers["Authorization"]
    refused = await client.post(URL, json=FLOWER)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
