"""Import a CSV file of deliveries, as a job: `python -m <package>.item_jobs FILE`."""

import asyncio
import sys
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from ..background import queue
from ..core.database import create_engine
from ..environment import environment
from .jobs import deliveries, import_deliveries


async def main(text: str) -> None:
    """Start the import, and print the job's id."""
    engine = create_engine(environment.database_url)
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        job = await import_deliveries.add(session, deliveries(text))
    await queue.send(engine, job.id)
    await queue.broker.shutdown()
    await engine.dispose()
    sys.stdout.write(f"{job.id}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text(encoding="utf-8-sig")))
