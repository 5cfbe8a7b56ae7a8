"""The server's command line: options are variables in another place, and checked like them."""

import os
from argparse import ArgumentParser, Namespace

from . import sizing
from .environment import CoreEnvironment


def read(parser: ArgumentParser) -> Namespace:
    """Read the options, those that `parser` has already included, and set the variables they name.

    This comes before the variables are read.
    """
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container")
    parser.add_argument("--port", metavar="PORT", help="in place of the variable PORT")
    parser.add_argument("--workers", metavar="N", help="in place of WEB_CONCURRENCY")
    options = parser.parse_args()
    for variable, value in (("PORT", options.port), ("WEB_CONCURRENCY", options.workers)):
        if value is not None:
            os.environ[variable] = value
    return options


def workers(environment: CoreEnvironment) -> int:
    """Settle how many worker processes there are, and tell them, who share the connections."""
    count = environment.web_concurrency or (
        sizing.workers(environment.database_connections)
        if environment.environment == "production"
        else 1
    )
    os.environ["WEB_CONCURRENCY"] = str(count)
    return count
