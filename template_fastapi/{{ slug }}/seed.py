"""Example data for development: `poe seed`."""

import asyncio
import sys

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .core.database import create_engine
from .environment import environment
from .items.models import Item

ITEMS = {"Chair": 4, "Lamp": 3, "Table": 1}


async def seed(session: AsyncSession) -> None:
    """Add the examples that are missing."""
    present = set(await session.scalars(select(Item.name)))
    session.add_all(
        Item(name=name, description="", quantity=quantity)
        for name, quantity in ITEMS.items()
        if name not in present
    )


async def main() -> None:
    """Seed the database of this environment, unless that is production."""
    if environment.environment == "production":
        sys.exit("ENVIRONMENT: example data is for development only")
    engine = create_engine(environment.database_url)
    async with AsyncSession(engine) as session, session.begin():
        await seed(session)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
