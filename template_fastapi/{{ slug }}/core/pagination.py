"""Lists in pages: `?limit=20&offset=40`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession


class PageRequest(BaseModel):
    """Which part of a list a client asks for."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)


PageQuery = Annotated[PageRequest, Query()]


class Page[T](BaseModel):
    """A part of a list, and how long the list is."""

    items: list[T]
    total: int
    limit: int
    offset: int


async def fetch_page[T](
    session: AsyncSession, statement: Select[T], page: PageRequest
) -> tuple[Sequence[T], int]:
    """Fetch the rows of one page and count those of all. Order the statement, or pages overlap."""
    count = select(func.count()).select_from(statement.order_by(None).subquery())
    total = await session.scalar(count)
    rows = await session.scalars(statement.limit(page.limit).offset(page.offset))
    return rows.all(), total or 0
