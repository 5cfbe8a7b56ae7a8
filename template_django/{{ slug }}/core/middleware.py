"""The template's middleware. MIDDLEWARE in settings.py sets the order."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from importlib import import_module
from time import perf_counter

import structlog
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars

from . import metrics, tracing
from .database import trace_query
from .errors import is_api, problem_response
from .health import VIEWS
from .logging import REQUEST_ID_HEADER, request_id_from

type Handler = Callable[[HttpRequest], HttpResponseBase]

log = structlog.get_logger(__name__)


class Middleware:
    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response


class RequestIdMiddleware(Middleware):
    """Give every request an id, for the response and all log lines of the request."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_from(request.headers.get(REQUEST_ID_HEADER))
        bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response.headers[REQUEST_ID_HEADER] = request_id
        return response


# When the response is closed: a streamed body is sent after the middleware returns.
request_finished.connect(lambda **_: clear_contextvars(), weak=False)


class HealthMiddleware(Middleware):
    """Respond to probes and Prometheus, whose Host header is not in ALLOWED_HOSTS."""

    def __init__(self, get_response: Handler) -> None:
        super().__init__(get_response)
        import_module(settings.ROOT_URLCONF)  # if it fails, the process must not start

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = VIEWS.get(request.path_info)
        if view and request.method not in ("GET", "HEAD"):
            return problem_response(405, headers={"Allow": "GET, HEAD"})
        return view(request) if view else self.get_response(request)


class TelemetryMiddleware(Middleware):
    """Trace, log and measure every request, until its response starts."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start, method = perf_counter(), request.method or ""
        attributes = {"http.request.method": method, "url.path": request.path}
        with (
            metrics.ACTIVE.track_inprogress(),
            tracing.request_span(method, request.headers, attributes) as span,
            connection.execute_wrapper(trace_query) if span.is_recording() else nullcontext(),
        ):
            response = self.get_response(request)
            route, status, seconds = _route(request), response.status_code, perf_counter() - start
            tracing.describe(span, method, route, status)
            metrics.observe(method, route, status, seconds)
            fields: dict[str, object] = {"status": status, "duration_ms": round(seconds * 1000, 3)}
            if settings.DEBUG and route == "unmatched":
                fields["path"] = request.path
            log.info("request", method=method, route=route, **fields)
        return response


class ApiMethodsMiddleware(Middleware):
    """Allow HEAD wherever Django Ninja allows GET, return problem details for 405, and refuse chunked bodies."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if {"wsgi.input", "HTTP_TRANSFER_ENCODING"} <= request.META.keys():
            # Django would read an empty body.
            return problem_response(411) if is_api(request) else HttpResponse(status=411)
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or not is_api(request):
            return response
        if request.method == "HEAD" and "GET" in response.headers["Allow"]:
            request.method = "GET"  # the server drops the body
            response = self.get_response(request)
            request.method = "HEAD"
            return response
        allowed = response.headers["Allow"].replace("GET", "GET, HEAD")
        return problem_response(405, headers={"Allow": allowed})


def _route(request: HttpRequest) -> str:
    if match := request.resolver_match:
        return _readable(match.route)
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unmatched"


@cache
def _readable(route: str) -> str:
    """Rewrite `api/items/<int:item_id>` as `/api/items/{item_id}`, and regular expressions likewise."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", simplify_regex(route))
