from datetime import UTC, datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from ..tables import BIG_ID, MOMENT, Table


def now() -> datetime:
    return datetime.now(UTC)


class Item(Table, table=True):
    """An item with a name and a quantity."""

    __tablename__ = "items"
    __table_args__ = (CheckConstraint("quantity >= 0", name="quantity_not_negative"),)

    id: int = Field(default=None, primary_key=True, sa_type=BIG_ID)
    name: str = Field(max_length=100, unique=True)
    description: str = Field(max_length=1000)
    quantity: int
    created_at: datetime = Field(default_factory=now, sa_type=MOMENT)
    updated_at: datetime = Field(
        default_factory=now, sa_type=MOMENT, sa_column_kwargs={"onupdate": now}
    )
