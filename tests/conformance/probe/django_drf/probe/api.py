"""What an owner might write, and what goes wrong in it."""

import logging
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from opentelemetry import propagate
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException, NotAuthenticated, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from ..core.problems import ConflictError

ERRORS: dict[int, Exception] = {
    401: NotAuthenticated(),
    403: PermissionDenied(),
    409: ConflictError("That is taken."),
    429: Throttled(wait=1),
}
patterns = []


def operation(method: str) -> Callable[[Any], Any]:
    """Serve a function below its name."""

    def register(function: Any) -> Any:
        view = extend_schema(request=None, responses=None)(api_view([method])(function))
        patterns.append(path(function.__name__, view))
        return function

    return register


def seconds_of(request: Request) -> float:
    return float(request.query_params.get("seconds", 0))


@operation("GET")
def sleep(request: Request) -> Response:
    """Take a while."""
    time.sleep(seconds_of(request))
    return Response(seconds_of(request))


@operation("GET")
def fail(request: Request) -> None:
    """Fail in a way that nobody expects, with secrets at hand."""
    password = "hunter2"
    token = "hunter3"
    raise RuntimeError(f"could not log in with {len(password + token)} characters")


@operation("POST")
def log(request: Request) -> Response:
    """Log what was sent, as the service's code does and as libraries do."""
    structlog.get_logger(__name__).info("logged by the service", **request.data)
    library = logging.getLogger("library")
    library.warning("logged by a library", extra=request.data)
    warnings.warn("warned by a library", stacklevel=1)
    return Response()


@operation("GET")
def call(request: Request) -> Response:
    """Call another service and return the status code of its answer."""
    headers = {"X-Request-ID": structlog.contextvars.get_contextvars()["request_id"]}
    propagate.inject(headers)
    asked = urllib.request.Request(request.query_params["url"], headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(asked) as response:  # noqa: S310
            return Response(int(response.status))
    except urllib.error.HTTPError as error:
        return Response(error.code)


@operation("GET")
def status(request: Request) -> None:
    """Refuse."""
    code = int(request.query_params["code"])
    other = APIException("Refused.")
    other.status_code = code
    raise ERRORS.get(code) or other


@operation("GET")
def query(request: Request) -> Response:
    """Keep a connection to the database for a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds_of(request)])
    return Response(seconds_of(request))


@operation("GET")
def setting(request: Request) -> Response:
    """Read a setting of the database for this request's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [request.query_params["name"]])
        return Response(str(cursor.fetchone()[0]))


@operation("GET")
def stream(request: Request) -> HttpResponse:
    """Start to answer at once, and go on for a while."""

    def parts() -> Iterator[str]:
        yield "first"
        time.sleep(seconds_of(request))
        yield "last"

    return StreamingHttpResponse(parts(), content_type="text/plain")


class WorkAfterwards(JsonResponse):
    """A response that works for a while once it was sent."""

    seconds = 0.0

    def close(self) -> None:
        """Work when the server has sent everything."""
        super().close()
        time.sleep(self.seconds)


@operation("GET")
def background(request: Request) -> HttpResponse:
    """Answer, then work for a while."""
    response = WorkAfterwards({})
    response.seconds = seconds_of(request)
    return response


@operation("POST")
def upload(request: Request) -> Response:
    """Read a body piece by piece."""
    return Response(sum(len(piece) for piece in iter(lambda: request.read(65536), b"")))


urls = path("probe/", include(patterns))
