"""What happens around every request: its identifier, its line in the log, the shape of its errors.

One middleware does it all, because each one costs time in every request.
"""

import re
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydantic_core import to_json

from .errors import problem_response, unknown_address
from .headers import SECURITY_HEADERS
from .health import VIEWS
from .logging import REQUEST_ID_HEADER, flush
from .observation import Observation, request_id_from
from .problems import CONTENT_TYPE, problem


class RequestMiddleware:
    """The outermost middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve one request."""
        headers = request.META
        if view := VIEWS.get(request.path_info):  # asked by machines, again and again: no record
            response: HttpResponseBase = view(request)
            request_id = request_id_from(headers.get("HTTP_X_REQUEST_ID"))
        else:
            observation = Observation(
                request.method or "",
                request.path_info,
                request.scheme or "",
                headers.get("HTTP_HOST"),
                headers.get("HTTP_X_REQUEST_ID"),
                headers.get("HTTP_TRACEPARENT"),
                headers.get("HTTP_TRACESTATE"),
                headers.get("HTTP_X_REQUEST_START"),
            )
            request_id = observation.ids.request_id
            status = 500
            try:
                response = self.answer(request)
                status = response.status_code
            finally:
                observation.end(route_of(request), status)
                flush()
        response.headers[REQUEST_ID_HEADER] = request_id
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, and see to the shape of errors."""
        try:
            request.get_host()
        except DisallowedHost:  # refused here, before it costs anything or fills the log
            return problem_response(400, "This service does not answer to that host name.")
        if "body_is_too_large" in request.META:
            return problem_response(413)
        response = self.get_response(request)
        if response.status_code >= 400 and request.path_info.startswith("/api/"):
            say_as_problem(response)
        return response


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
