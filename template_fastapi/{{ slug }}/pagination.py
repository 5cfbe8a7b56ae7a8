"""Lists in pages: `?limit=20&offset=40`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .schemas import PageRequest

PageQuery = Annotated[PageRequest, Query()]


async def fetch_page[T](
    session: AsyncSession, statement: Select[T], page: PageRequest
) -> tuple[Sequence[T], int]:
    """Return the rows of one page and the number of all rows.

    The statement selects one entity, and needs an order.
    """
    count = select(func.count()).select_from(statement.order_by(None).subquery())
    total = await session.scalar(count)
    rows = await session.scalars(statement.limit(page.limit).offset(page.offset))
    return rows.unique().all(), total or 0  # joined collections repeat rows
