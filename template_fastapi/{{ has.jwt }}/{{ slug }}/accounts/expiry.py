"""Rows that have expired: some requests delete a few, and `python -m <package>.accounts clean` all."""

from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

AT_ONCE = 100


async def remove(
    session: AsyncSession, key: InstrumentedAttribute[Any], expired: ColumnElement[bool]
) -> int:
    """Delete some rows, except those that another transaction uses, and return their number."""
    some = select(key).where(expired).limit(AT_ONCE).with_for_update(skip_locked=True)
    if keys := (await session.scalars(some)).all():
        await session.execute(delete(key.class_).where(key.in_(keys)))
    return len(keys)
