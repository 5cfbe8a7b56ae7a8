"""The base class and the column types of models with SQLModel."""

from sqlalchemy import BigInteger, DateTime, Integer
from sqlmodel import SQLModel

from .base import Base, UtcDateTime

# For `sa_type`: the type of primary and foreign keys, and that of times.
BIG_ID = BigInteger().with_variant(Integer, "sqlite")
MOMENT = DateTime(timezone=True).with_variant(UtcDateTime(), "postgresql", "sqlite")


class Table(SQLModel, registry=Base.registry):
    """Base class of models. They share their metadata with those that inherit from Base."""
