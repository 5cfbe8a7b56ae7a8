"""Gunicorn with the settings of this service: run this module with ``python -m``."""

from argparse import ArgumentParser

from . import options
from .workers import share_metrics, shared_memory


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    given = options.read(ArgumentParser(prog="serve"))

    # Bad variables end the process here; in a worker, Gunicorn would start that worker again for ever.
    from ..environment import environment
    from .database import database_from

    database_from(environment.database_url)  # likewise, should libpq not understand it

    workers = options.workers(environment)
    share_metrics()

    # Gunicorn reads WEB_CONCURRENCY as soon as it is imported.
    from .worker import Application

    Application(
        bind=f"{given.host}:{environment.port}",
        workers=workers,
        worker_tmp_dir=shared_memory(),  # for the file by which workers show that they live
    ).run()


if __name__ == "__main__":
    main()
