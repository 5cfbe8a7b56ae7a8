"""The caller of these tests may write."""

from collections.abc import Iterator

import pytest
from httpx2 import AsyncClient

from ..core.identity import IdentityProvider, identity_provider


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityProvider]:
    """Return a provider whose tokens the service accepts."""
    with identity_provider(monkeypatch) as identity:
        yield identity


@pytest.fixture
def reader(identity: IdentityProvider) -> str:
    """Return the `Authorization` of a caller who may not write."""
    return f"Bearer {identity.token()}"


@pytest.fixture
async def client(client: AsyncClient, identity: IdentityProvider) -> AsyncClient:
    """Return a client with an access token."""
    token = identity.token("items:write")
    client.headers["Authorization"] = f"Bearer {token}"
    return client
