"""The API: Django REST framework with strict JSON and problem details.

settings.py names these classes and functions. https://www.django-rest-framework.org/api-guide/settings/
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions, parsers, renderers
from rest_framework.settings import api_settings

from .errors import problem_response
from .problems import FieldError, ServiceError


class QueryError(exceptions.ValidationError):
    """Some parameters of the query are invalid."""


class PathError(exceptions.ValidationError):
    """A part of the path is invalid."""


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Return problem details, or nothing: Django's signals, loggers and handler500 see other exceptions."""
    from rest_framework.views import set_rollback  # imports the classes that the settings name

    response = _response(error)
    if response:
        set_rollback()  # of a transaction for each request, with ATOMIC_REQUESTS
    return response


def _response(error: Exception) -> HttpResponse | None:
    match error:
        case ServiceError():
            return problem_response(error.status, str(error), headers=error.headers)
        case exceptions.ValidationError():
            places = {QueryError: "query", PathError: "path"}
            errors = list(_field_errors(error.detail, places.get(type(error), "body")))
            return problem_response(422, errors=errors)
        case exceptions.APIException():
            return _of_the_framework(error)
        case Http404():
            return problem_response(404)
        case PermissionDenied():
            return problem_response(403)
        case ProtectedError() | RestrictedError():  # of a delete
            return problem_response(409, "Other data refers to this.")
        case RequestDataTooBig():
            return problem_response(413)
        case UnreadablePostError():  # the client has disconnected
            return problem_response(400)
    return None


def _of_the_framework(error: exceptions.APIException) -> HttpResponse:
    headers: dict[str, str] = {}
    if scheme := getattr(error, "auth_header", ""):
        headers["WWW-Authenticate"] = scheme
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    is_anonymous = isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed)
    # Without a scheme, REST framework turns 401 into 403; but a session is also a login.
    status = 401 if is_anonymous else error.status_code
    usual = exceptions.NotAuthenticated | exceptions.UnsupportedMediaType | exceptions.Throttled
    detail = "" if isinstance(error, usual) or not isinstance(error.detail, str) else error.detail
    return problem_response(status, detail, headers=headers)


def _field_errors(detail: Any, place: str) -> Iterator[FieldError]:
    """Name fields as clients know them, such as `body.name`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _field_errors(inner, place if own else f"{place}.{name}")
    elif isinstance(detail, list) and not all(isinstance(each, str) for each in detail):
        for number, inner in enumerate(detail):
            yield from _field_errors(inner, f"{place}.{number}")
    else:
        messages = detail if isinstance(detail, list) else [detail]
        yield {"field": place, "message": " ".join(map(str, messages))}


class JSONParser(parsers.JSONParser):
    """Read the body as Django does, which limits its size by DATA_UPLOAD_MAX_MEMORY_SIZE."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = BytesIO(parser_context["request"].body)
        try:
            return super().parse(body, media_type, parser_context)
        except RecursionError as error:
            raise exceptions.ParseError("The body is nested too deeply.") from error


class JSONRenderer(renderers.JSONRenderer):
    """Add a CSP that blocks all resources, unless SECURE_CSP is empty."""

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        if settings.SECURE_CSP:
            policy = "default-src 'none'; frame-ancestors 'none'"
            renderer_context["response"].headers.setdefault("Content-Security-Policy", policy)
        return super().render(data, accepted_media_type, renderer_context)
