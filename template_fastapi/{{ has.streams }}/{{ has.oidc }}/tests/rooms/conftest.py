"""The members of rooms in these tests."""

from collections.abc import Iterator

import pytest
from httpx2 import AsyncClient

from ..core.identity import identity_provider


@pytest.fixture
def introduction(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Return what a member sends first."""
    with identity_provider(monkeypatch) as identity:
        yield {"token": identity.token()}


@pytest.fixture
async def member(client: AsyncClient, introduction: dict[str, str]) -> AsyncClient:
    """Return a client of this member."""
    client.headers["Authorization"] = f"Bearer {introduction['token']}"
    return client
