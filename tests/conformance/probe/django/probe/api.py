"""What an owner might write, and what goes wrong in it."""

import logging
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from ninja import Body, Router
from ninja.errors import AuthenticationError, HttpError, Throttled
from opentelemetry import propagate

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
    warnings.warn("warned by a library", stacklevel=1)


@router.get("/call")
def call(request: HttpRequest, url: str) -> int:
    """Call another service and return the status code of its answer."""
    headers = {"X-Request-ID": structlog.contextvars.get_contextvars()["request_id"]}
    propagate.inject(headers)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


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


@router.get("/setting")
def setting(request: HttpRequest, name: str) -> str:
    """Read a setting of the database for this request's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


@router.get("/stream")
def stream(request: HttpRequest, seconds: float) -> HttpResponse:
    """Start to answer at once, and go on for a while."""

    def parts() -> Iterator[str]:
        yield "first"
        time.sleep(seconds)
        yield "last"

    return StreamingHttpResponse(parts(), content_type="text/plain")


class WorkAfterwards(JsonResponse):
    """A response that works for a while once it was sent."""

    seconds = 0.0

    def close(self) -> None:
        """Work when the server has sent everything."""
        super().close()
        time.sleep(self.seconds)


@router.get("/background")
def background(request: HttpRequest, seconds: float) -> HttpResponse:
    """Answer, then work for a while."""
    response = WorkAfterwards({})
    response.seconds = seconds
    return response


@router.post("/upload")
def upload(request: HttpRequest) -> int:
    """Read a body piece by piece."""
    return sum(len(piece) for piece in iter(lambda: request.read(65536), b""))
