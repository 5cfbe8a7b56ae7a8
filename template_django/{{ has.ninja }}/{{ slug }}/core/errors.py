"""Errors: problem details for the API, Django's pages for all other URLs."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.csp import CSP
from django.views import defaults
from django.views.decorators.csp import csp_override
from pydantic_core import to_json

from .database import is_unavailable
from .postgres import is_unstorable
from .problems import CONTENT_TYPE, FieldError, problem

_strict = csp_override({"default-src": [CSP.NONE], "frame-ancestors": [CSP.NONE]})(HttpResponse)


def json_response(content: bytes = b"", **options: Any) -> HttpResponse:
    """Return a JSON response with a CSP that blocks all resources, unless SECURE_CSP is empty."""
    kind = _strict if settings.SECURE_CSP else HttpResponse
    return kind(content, **options)


def problem_response(
    status: int,
    detail: str = "",
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return problem details (RFC 9457)."""
    headers = {"Content-Type": CONTENT_TYPE, **(headers or {})}
    return json_response(to_json(problem(status, detail, errors)), status=status, headers=headers)


def is_api(request: HttpRequest) -> bool:
    """Return whether a URL has the prefix of an API, even if no operation has the URL."""
    try:
        return "ninja" in resolve(request.path_info).app_names
    except Resolver404 as error:  # contains the patterns tried, each after its prefixes
        tried = error.args[0].get("tried", ())
        return any(prefix.app_name == "ninja" for pattern in tried for prefix in pattern[:-1])


def _respond(
    status: int, page: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **options: Any
) -> HttpResponse:
    if is_api(request):
        return problem_response(status)
    response = page(request, *args, **options)
    response.status_code = status
    return response


handler400 = partial(_respond, 400, defaults.bad_request)
handler403 = partial(_respond, 403, defaults.permission_denied)
handler404 = partial(_respond, 404, defaults.page_not_found)


def handler500(request: HttpRequest) -> HttpResponse:
    """Return 500, or 400 or 503 for some database errors."""
    error = sys.exception()
    if is_unstorable(error) or (error and is_unstorable(error.__cause__)):
        return handler400(request, error)
    status = 503 if isinstance(error, Exception) and is_unavailable(error) else 500
    response = _respond(status, defaults.server_error, request, f"{status}.html")
    if status == 503:
        response.headers["Retry-After"] = "10"  # as nginx does
    return response
