"""The caller of these tests has a token without scopes."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from ..core.identity import identity_provider


@pytest.fixture
async def client(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    """Return a client with an access token."""
    with identity_provider(monkeypatch) as identity:
        client.headers["Authorization"] = f"Bearer {identity.token()}"
        yield client
