"""Uvicorn with the settings of this service: run this module with ``python -m``."""

import argparse
import os
import signal
import sys
from pathlib import Path

import uvicorn

# First of all: it ends the process if a variable is wrong. Left to Uvicorn's workers, they would be
# started again for ever.
from ..environment import environment
from . import logging
from .workers import share_metrics

PACKAGE = Path(__file__).parents[1]

# In seconds. The proxy in front must be the one to close idle connections: it keeps them for 60.
KEEP_ALIVE = 75
GRACE = 20  # for the requests that are running at SIGTERM


def main() -> None:
    """Serve until SIGTERM or Ctrl+C."""
    parser = argparse.ArgumentParser(prog="serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000)
    parser.add_argument("--workers", type=int, default=os.environ.get("WEB_CONCURRENCY") or 1)
    parser.add_argument("--reload", action="store_true", help="start again when the code changes")
    options = parser.parse_args()

    logging.configure(environment.log_level)
    share_metrics()
    # Uvicorn ends a graceful shutdown by raising the signal once more, for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        f"{PACKAGE.name}.main:app",
        host=options.host,
        port=options.port,
        workers=options.workers,
        reload=options.reload,
        reload_dirs=[str(PACKAGE)] if options.reload else None,
        access_log=False,  # the application writes a line a request
        log_config=None,  # and sends what Uvicorn says through its own logging
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    main()
