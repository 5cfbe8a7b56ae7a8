"""Import a CSV file of deliveries, as a job: `python -m <package>.item_jobs FILE`."""

import argparse
import asyncio
import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ..background import queue
from ..core.database import create_engine
from ..environment import environment
from .jobs import deliveries, import_deliveries


def read(arguments: list[str] | None = None) -> list[Any]:
    """Return the parts of the import, or exit with a message."""
    parser = argparse.ArgumentParser(prog="item_jobs", description="Import deliveries, as a job.")
    parser.add_argument("file", type=Path, help="the first line is name,quantity")
    file: Path = parser.parse_args(arguments).file
    try:
        return list(deliveries(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}")
    except (UnicodeDecodeError, csv.Error):
        sys.exit(f"{file}: This is not a CSV file in UTF-8.")
    except ValueError as error:
        sys.exit(f"{file}: {error}")


async def main(parts: Iterable[Any]) -> None:
    """Start the import, and print the job's id."""
    engine = create_engine(environment.database_url)
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        job = await import_deliveries.add(session, parts)
    await queue.send(engine, job.id)
    await queue.broker.shutdown()
    await engine.dispose()
    sys.stdout.write(f"{job.id}\n")


if __name__ == "__main__":
    asyncio.run(main(read()))
