"""The caller of these tests may write."""

from ..items.conftest import client, reader

__all__ = ["client", "reader"]
