"""What can be done with items, without any HTTP."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.database import violates_unique
from ..core.pagination import fetch_page
from ..core.problems import ConflictError, NotFoundError
from ..core.schemas import PageRequest
from .models import Item
from .schemas import ItemCreate, ItemUpdate


async def list_items(session: AsyncSession, page: PageRequest) -> tuple[Sequence[Item], int]:
    """Return a page of items and how many there are."""
    return await fetch_page(session, select(Item).order_by(Item.id), page)


async def get_item(session: AsyncSession, item_id: int, *, lock: bool = False) -> Item:
    """Find an item; with `lock`, no other request can change or delete it meanwhile."""
    item = await session.get(Item, item_id, with_for_update=lock)
    if item is None:
        raise NotFoundError("There is no such item.")
    return item


async def create_item(session: AsyncSession, values: ItemCreate) -> Item:
    """Add an item."""
    item = Item(**values.model_dump())
    session.add(item)
    await _flush(session)
    return item


async def update_item(session: AsyncSession, item_id: int, changes: ItemUpdate) -> Item:
    """Change the given fields of an item."""
    item = await get_item(session, item_id, lock=True)
    for field in changes.model_fields_set:
        setattr(item, field, getattr(changes, field))
    await _flush(session)
    return item


async def delete_item(session: AsyncSession, item_id: int) -> None:
    """Remove an item."""
    await session.delete(await get_item(session, item_id, lock=True))


async def _flush(session: AsyncSession) -> None:
    # Only the database can tell: between a look and a write, another request may take the name.
    try:
        await session.flush()
    except IntegrityError as error:
        if violates_unique(error):
            raise ConflictError("There is already an item with this name.") from error
        raise
