"""What happens around every request: its identifier, its line in the log, the shape of its errors.

One middleware does it all, because each one costs time in every request.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydantic_core import to_json

from .errors import problem_response, unknown_address
from .headers import HSTS, SECURITY_HEADERS
from .health import VIEWS
from .logging import REQUEST_ID_HEADER
from .observation import Observation, record_ended, request_id_from
from .problems import CONTENT_TYPE, problem

type Handler = Callable[[HttpRequest], HttpResponseBase]

DOCS = "/api/docs"  # a page, with a page's policy
HEADERS = {name.lower(): (name, value) for name, value in SECURITY_HEADERS.items()}


class ApiEntrance:
    """Where requests to the API come in. What stands before this in MIDDLEWARE serves pages only.

    Sessions, messages, forms: a third of the time of a short request would go into what the API does
    not use. Take this out of MIDDLEWARE, or put it elsewhere, if yours does.
    """

    latest: ClassVar[Handler | None] = None  # Django builds its chain from here outwards

    def __init__(self, get_response: Handler) -> None:
        self.get_response = ApiEntrance.latest = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return self.get_response(request)


class RequestMiddleware:
    """The outermost middleware."""

    def __init__(self, get_response: Handler) -> None:
        self.get_page = get_response
        self.call_api = ApiEntrance.latest or get_response
        ApiEntrance.latest = None

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        headers = request.META
        if view := VIEWS.get(request.path_info):  # asked by machines, again and again: no record
            response: HttpResponseBase = view(request)
            add_headers(response, request_id_from(headers.get("HTTP_X_REQUEST_ID")))
            return response
        observation = Observation(
            request.method or "",
            request.path_info,
            headers["wsgi.url_scheme"],
            headers.get("HTTP_HOST"),
            headers.get("HTTP_X_REQUEST_ID"),
            headers.get("HTTP_TRACEPARENT"),
            headers.get("HTTP_TRACESTATE"),
            headers.get("HTTP_X_REQUEST_START"),
        )
        status = 500
        try:
            response = self.answer(request)
            status = response.status_code
        finally:
            observation.end(route_of(request), status)
            record_ended()
        if request.is_secure() and not settings.DEBUG:
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        add_headers(response, observation.ids.request_id)
        return response

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, and see to the shape of errors."""
        try:
            request.get_host()
        except DisallowedHost:  # refused here, before it costs anything or fills the log
            return problem_response(400, "This service does not answer to that host name.")
        if "body_is_too_large" in request.META:
            return problem_response(413)
        path = request.path_info
        if not path.startswith("/api/"):
            return self.get_page(request)
        response = self.get_page(request) if path == DOCS else self.call_api(request)
        if response.status_code >= 400:
            say_as_problem(response)
        return response


def add_headers(response: HttpResponseBase, request_id: str) -> None:
    """Add the headers that the response does not have yet."""
    if isinstance(response, HttpResponse):  # rather than a stream
        response.headers.setdefault("Content-Length", str(len(response.content)))
    response.headers[REQUEST_ID_HEADER] = request_id
    # These are constants: Django would check each of them each time.
    response.headers._store = {**HEADERS, **response.headers._store}


def say_as_problem(response: HttpResponseBase) -> None:
    """Replace Django's page about an error: here, programs read the answers."""
    is_page = response.headers.get("Content-Type", "").startswith("text/")
    if is_page and isinstance(response, HttpResponse):
        response.content = to_json(problem(response.status_code))
        response.headers["Content-Type"] = CONTENT_TYPE
        response.headers["Content-Length"] = str(len(response.content))


def route_of(request: HttpRequest) -> str:
    """Return the route's template: paths hold identifiers and are without number."""
    match = request.resolver_match
    if match and match.func is not unknown_address:
        return _template(match.route)
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unmatched"


@cache  # there are only as many as the project has routes
def _template(route: str) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
