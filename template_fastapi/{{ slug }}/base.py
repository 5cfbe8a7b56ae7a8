"""The base class and the column types of all models."""

import enum
from datetime import UTC, datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator


def to_utc(value: datetime) -> datetime:
    """Return a time in UTC. One without a time zone is taken for UTC."""
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """Times in UTC: PostgreSQL's have the time zone of the connection, and SQLite's have none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        return value and to_utc(value)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        return value and to_utc(value)


class Base(DeclarativeBase):
    """Base class of all models."""

    # Migrations find constraints by name: https://alembic.sqlalchemy.org/en/latest/naming.html
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: DateTime(timezone=True).with_variant(UtcDateTime(), "postgresql", "sqlite"),
        # The names of its members, as texts: a new one needs no migration.
        enum.Enum: Enum(enum.Enum, native_enum=False, length=50),
    }


# SQLite auto-increments a primary key only if its type is INTEGER.
BigId = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
]
