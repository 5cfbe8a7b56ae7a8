"""Fill the database with example data, for development. Start with ``python -m`` on this module."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from ..environment import environment
from . import logging
from .database import create_engine
from .seeds import find, refuse_production

PACKAGE = __package__.partition(".")[0]


async def fill(url: str) -> None:
    """Call every `seed` of the service in one transaction."""
    engine = create_engine(url)
    async with AsyncSession(engine) as session, session.begin():
        for seed in find(PACKAGE):
            await seed(session)
    await engine.dispose()


def main() -> None:
    """Refuse where the data is real."""
    refuse_production(environment.environment)
    logging.configure(environment.log_level)
    asyncio.run(fill(environment.database_url))


if __name__ == "__main__":
    main()
