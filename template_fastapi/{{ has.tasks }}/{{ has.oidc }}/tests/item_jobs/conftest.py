"""The caller of these tests may write."""

import pytest

from ..core.identity import IdentityProvider
from ..items.conftest import client, identity

__all__ = ["client", "identity", "reader"]


@pytest.fixture
def reader(identity: IdentityProvider) -> str:
    """Return the `Authorization` of another caller, who may not write."""
    return f"Bearer {identity.token(sub='grace')}"
