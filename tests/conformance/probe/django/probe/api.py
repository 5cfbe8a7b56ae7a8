"""What an owner might write, and what goes wrong in it."""

import logging
import time
import warnings
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest
from ninja import Body, Router
from ninja.errors import AuthenticationError, HttpError, Throttled

from ..core.http import Client
from ..core.problems import ConflictError

router = Router(tags=["probe"])

ERRORS: dict[int, Exception] = {
    401: AuthenticationError(),
    403: PermissionDenied(),
    409: ConflictError("That is taken."),
    429: Throttled(wait=1),
}


@router.get("/sleep")
def sleep(request: HttpRequest, seconds: float) -> float:
    """Take a while."""
    time.sleep(seconds)
    return seconds


@router.get("/fail")
def fail(request: HttpRequest) -> None:
    """Fail in a way that nobody expects, with secrets at hand."""
    password = "hunter2"
    token = "hunter3"
    raise RuntimeError(f"could not log in with {len(password + token)} characters")


@router.post("/log")
def log(request: HttpRequest, fields: Body[dict[str, Any]]) -> None:
    """Log what was sent, as the service's code does and as libraries do."""
    structlog.get_logger(__name__).info("logged by the service", **fields)
    library = logging.getLogger("library")
    library.warning("logged by a library", extra=fields)
    library.warning("logged by a library: %s", fields)
    warnings.warn("warned by a library", stacklevel=1)


@router.get("/call")
def call(request: HttpRequest, url: str) -> int:
    """Call another service and return the status code of its answer."""
    with Client() as client:
        return client.get(url).status_code


@router.get("/status")
def status(request: HttpRequest, code: int) -> None:
    """Refuse."""
    raise ERRORS.get(code) or HttpError(code, "Refused.")


@router.get("/query")
def query(request: HttpRequest, seconds: float = 0) -> float:
    """Keep a connection to the database for a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])
    return seconds
