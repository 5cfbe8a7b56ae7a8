"""Every model of the service. Alembic sees the tables that are imported here."""

from .base import Base
from .items.models import Item

__all__ = ["Base", "Item"]
