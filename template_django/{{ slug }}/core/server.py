"""Gunicorn with the settings of this service: run this module with ``python -m``."""

import os
from argparse import ArgumentParser
from pathlib import Path

from . import options

# The file by which workers show that they live: on a disk, it could block them.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    given = options.read(ArgumentParser(prog="serve"))

    # Bad variables end the process here; in a worker, Gunicorn would start that worker again for ever.
    from ..environment import environment
    from .database import database_from

    database_from(environment.database_url)  # likewise, should libpq not understand it

    workers = options.workers(environment)

    # Gunicorn reads WEB_CONCURRENCY as soon as it is imported.
    from .worker import Application

    Application(
        bind=f"{given.host}:{environment.port}",
        workers=workers,
        worker_tmp_dir=str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
    ).run()


if __name__ == "__main__":
    main()
