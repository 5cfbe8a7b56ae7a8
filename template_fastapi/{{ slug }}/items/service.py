"""Business logic for items, independent of HTTP."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.database import constraints
from ..core.problems import NotFoundError
from ..pagination import Rows, fetch_page
from .filters import ItemList
from .models import Item
from .schemas import ItemCreate, ItemUpdate

DUPLICATE = "An item with this name already exists."


async def list_items(session: AsyncSession, wanted: ItemList) -> Rows[Item]:
    """Return the requested page of items."""
    statement = wanted.filtered(select(Item))
    descending = wanted.sort.startswith("-")
    return await fetch_page(session, statement, wanted, *wanted.columns, descending=descending)


async def get_item(
    session: AsyncSession, item_id: int, *, lock: bool = False, deletes: bool = False
) -> Item:
    """Find an item; with `lock`, other requests wait before they change or delete it.

    Unless the caller `deletes` it, they can add rows that refer to it meanwhile.
    """
    mode = {"key_share": not deletes} if lock else None
    item = await session.get(Item, item_id, with_for_update=mode)
    if item is None:
        raise NotFoundError("Item not found.")
    return item


async def create_item(session: AsyncSession, values: ItemCreate) -> Item:
    """Add an item."""
    item = Item(**values.model_dump())
    async with constraints(session, duplicate=DUPLICATE):
        session.add(item)
    return item


async def update_item(session: AsyncSession, item_id: int, changes: ItemUpdate) -> Item:
    """Change the given fields of an item."""
    item = await get_item(session, item_id, lock=True)
    async with constraints(session, duplicate=DUPLICATE):
        for field in changes.model_fields_set:
            setattr(item, field, getattr(changes, field))
    return item


async def delete_item(session: AsyncSession, item_id: int) -> None:
    """Delete an item, unless other rows refer to it."""
    item = await get_item(session, item_id, lock=True, deletes=True)
    async with constraints(session, referenced="This item is still in use."):
        await session.delete(item)
