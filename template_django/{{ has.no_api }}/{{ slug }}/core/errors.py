"""Responses to database errors, and problem details for health checks."""

import sys
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from .database import is_unavailable
from .postgres import is_unstorable
from .problems import CONTENT_TYPE, problem


def problem_response(status: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return problem details (RFC 9457)."""
    body = problem(status)
    return JsonResponse(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def handler500(request: HttpRequest) -> HttpResponse:
    """Return 500, or 400 or 503 for some database errors."""
    error = sys.exception()
    if is_unstorable(error) or (error and is_unstorable(error.__cause__)):
        return defaults.bad_request(request, Exception())
    status = 503 if isinstance(error, Exception) and is_unavailable(error) else 500
    response = defaults.server_error(request, f"{status}.html")
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "10"  # as nginx does
    return response
