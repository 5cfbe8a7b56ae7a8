"""The members of rooms in these tests."""

import pytest
from httpx2 import AsyncClient


@pytest.fixture
def introduction() -> dict[str, str]:
    """Return what a member sends first."""
    return {"name": "Ada"}


@pytest.fixture
async def member(client: AsyncClient, introduction: dict[str, str]) -> AsyncClient:
    """Return a client of this member."""
    client.params = client.params.merge(introduction)
    return client
