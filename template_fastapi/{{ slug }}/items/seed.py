"""Example items for development, which `poe seed` adds where they are missing."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .models import Item

EXAMPLES = {"Chair": 4, "Lamp": 3, "Table": 1}


async def seed(session: AsyncSession) -> None:
    """Add what is missing; what is there stays as it is."""
    present = set(await session.scalars(select(Item.name)))
    session.add_all(
        Item(name=name, description="", quantity=quantity)
        for name, quantity in EXAMPLES.items()
        if name not in present
    )
