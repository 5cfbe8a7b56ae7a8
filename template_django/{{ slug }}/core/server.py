"""The server, with the settings of this service: run this module with ``python -m``."""

from argparse import ArgumentParser

from . import options
from .workers import share_metrics


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    given = options.read(ArgumentParser(prog="serve"))

    # Bad variables end the process here; a worker that they ended would be started again.
    from ..environment import environment
    from .database import database_from

    database_from(environment.database_url)  # likewise, should libpq not understand it

    workers = options.workers(environment)
    share_metrics()

    # Not above: this reads variables as soon as it is imported, WEB_CONCURRENCY among them.
    from .worker import serve

    serve(given.host, environment.port, workers)


if __name__ == "__main__":
    main()
