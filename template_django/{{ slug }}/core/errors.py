"""How exceptions become answers of the API. Services raise; nobody builds an error response by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja.errors import HttpError, ValidationError
from pydantic_core import to_json

from .problems import (
    CONTENT_TYPE,
    FieldError,
    ServiceError,
    field_errors,
    headers_of,
    own_words,
    problem,
)

logger = structlog.get_logger(__name__)


def problem_response(
    status: int,
    detail: str = "",
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Answer with RFC 9457."""
    body = to_json(problem(status, detail, errors))
    headers = {"Content-Type": CONTENT_TYPE, **headers_of(status, headers)}
    return HttpResponse(body, status=status, headers=headers)


@csrf_exempt  # no form leads here
def unknown_address(_: HttpRequest) -> HttpResponse:
    """Answer for what no router of the API knows."""
    return problem_response(404)


def _service_error(_: HttpRequest, error: ServiceError) -> HttpResponse:
    return problem_response(error.status, str(error), headers=error.headers)


def _not_found(_: HttpRequest, error: Http404) -> HttpResponse:
    return problem_response(404)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, ServiceError):  # Django Ninja wraps what its parsers raise
        return _service_error(request, error.__cause__)
    return problem_response(error.status_code, own_words(error.status_code, error.message))


def _invalid_request(_: HttpRequest, error: ValidationError) -> HttpResponse:
    return problem_response(422, errors=field_errors(error.errors))


def _too_large(_: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem_response(413)


def _database_unavailable(_: HttpRequest, error: Exception) -> HttpResponse:
    if getattr(error.__cause__, "sqlite_errorname", "") == "SQLITE_ERROR":
        raise error  # wrong SQL, or a table that no migration has made yet
    logger.error("database unavailable", exc_info=error)
    return problem_response(503)


def _unexpected(_: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # Django logs it and answers with 500


EXCEPTION_HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    ServiceError: _service_error,
    Http404: _not_found,
    HttpError: _http_error,
    ValidationError: _invalid_request,
    RequestDataTooBig: _too_large,
    OperationalError: _database_unavailable,
    InterfaceError: _database_unavailable,
    Exception: _unexpected,
}
