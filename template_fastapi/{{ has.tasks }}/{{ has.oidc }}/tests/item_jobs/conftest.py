"""The caller of these tests may write."""

from ..items.conftest import client, identity, reader

__all__ = ["client", "identity", "reader"]
