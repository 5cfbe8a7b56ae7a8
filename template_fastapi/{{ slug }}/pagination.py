"""Lists in pages: by number with `?limit=20&offset=40`, or one after the other with `?cursor=`.

A cursor holds the values by which its page's last row is ordered. So rows that are added or deleted
meanwhile cause neither duplicates nor gaps, and a late page costs no more than the first one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, Select, SmallInteger, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from .core.problems import InvalidError

type Column = InstrumentedAttribute[Any]


class PageRequest(BaseModel):
    """The requested part of a list."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)
    cursor: str = Field(default="", max_length=4000, description="`next` from the previous page.")


class Page[T](BaseModel):
    """A part of a list."""

    results: list[T]
    total: int | None = Field(
        description="The total number of results; null if a cursor was sent.", examples=[120]
    )
    limit: int = Field(examples=[20])
    offset: int = Field(examples=[0])
    next: str | None = Field(
        description="The cursor of the next page, if there is one.", examples=["WyJpZCIsIDIwXQ"]
    )


@dataclass(frozen=True)
class Rows[T]:
    """The content of a page: `Page[ItemRead].model_validate(rows, from_attributes=True)`."""

    results: Sequence[T]
    total: int | None
    limit: int
    offset: int
    next: str | None


async def fetch_page[T](
    session: AsyncSession,
    statement: Select[T],
    page: PageRequest,
    *order: Column,
    descending: bool = False,
) -> Rows[T]:
    """Return the rows of one page.

    The statement selects one entity and has no order. The last column of `order` is unique, and no
    column is nullable. For large tables, create an index of these columns.
    """
    total = None
    name = f"{'-' if descending else ''}{order[0].key}"
    if page.cursor:
        last = _read(page.cursor, name, order)
        row = tuple_(*order)
        statement = statement.where(row < last if descending else row > last)
    else:
        total = await session.scalar(select(func.count()).select_from(statement.subquery()))
    ordered = statement.order_by(*(each.desc() if descending else each for each in order))
    found = await session.scalars(ordered.limit(page.limit + 1).offset(page.offset))
    rows = found.unique().all()  # joined collections repeat rows
    shown, cursor = rows[: page.limit], None
    if len(rows) > page.limit:
        values = [getattr(shown[-1], each.key) for each in order]
        cursor = urlsafe_b64encode(to_json([name, *values])).decode().rstrip("=")
    return Rows(shown, total, page.limit, page.offset, cursor)


def _read(cursor: str, name: str, order: Sequence[Column]) -> tuple[Any, ...]:
    """Return the values of a cursor, which may be anything that a client sends."""
    try:
        its_name, *values = from_json(urlsafe_b64decode(cursor + "=="))
        if its_name != name:
            raise ValueError("the list is in another order")
        return tuple(_value(*each) for each in zip(values, order, strict=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidError("The cursor is not valid for this list.") from error


def _value(value: object, column: Column) -> Any:
    parsed = TypeAdapter(column.type.python_type).validate_python(value)
    bits = {BigInteger: 63, SmallInteger: 15}.get(type(column.type), 31)
    if isinstance(parsed, int) and abs(parsed) >= 2**bits:
        raise OverflowError("the number is too large for its column")
    if isinstance(parsed, str) and "\x00" in parsed:
        raise ValueError("PostgreSQL cannot store NUL characters")
    return parsed.astimezone(UTC) if isinstance(parsed, datetime) else parsed
