"""Uvicorn with the settings of this service: run this module with ``python -m``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import uvicorn

from . import logging, options
from .timeouts import GRACE, KEEP_ALIVE, LINGER
from .workers import share_metrics

PACKAGE = Path(__file__).parents[1]
APP = f"{PACKAGE.name}.main:app"
SETTINGS: dict[str, Any] = {
    "access_log": False,  # the application writes a line a request
    "log_config": None,  # and sends what Uvicorn says through its own logging
    "server_header": False,
    "timeout_keep_alive": KEEP_ALIVE,
    "timeout_graceful_shutdown": GRACE - LINGER,
}


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    parser = ArgumentParser(prog="serve")
    parser.add_argument("--reload", action="store_true", help="start again when the code changes")
    given = options.read(parser)

    # Bad variables end the process here. Left to Uvicorn's workers, they would be started again for
    # ever.
    from ..environment import environment

    logging.configure(environment.log_level)
    settings = SETTINGS | {"host": given.host, "port": environment.port}
    if given.reload:
        uvicorn.run(APP, reload=True, reload_dirs=[str(PACKAGE)], workers=1, **settings)
        return

    workers = options.workers(environment)
    share_metrics()
    from .worker import serve

    serve(uvicorn.Config(APP, workers=workers, **settings))


if __name__ == "__main__":
    main()
