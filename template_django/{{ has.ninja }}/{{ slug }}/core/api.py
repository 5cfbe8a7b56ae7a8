"""The API: Django Ninja with strict JSON and problem details. https://django-ninja.dev"""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.params.models import BodyModel
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from .errors import json_response, problem_response
from .problems import PROBLEM_RESPONSE, ServiceError, field_errors

JSON = re.compile(r"application/(.+\+)?json")
IN_USE = "Other data refers to this."  # which is to be deleted


def _http_error(_: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, HttpError):  # Django Ninja wraps what its parsers raise
        error = error.__cause__
    return problem_response(error.status_code, error.message)


def _unexpected(_: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # Django's signals, loggers and handler500 see it, as for any view


EXCEPTION_HANDLERS: dict[type[Any], Callable[[HttpRequest, Any], HttpResponse]] = {
    ServiceError: lambda _, e: problem_response(e.status, str(e), headers=e.headers),
    ValidationError: lambda _, e: problem_response(422, errors=field_errors(e.errors)),
    HttpError: _http_error,
    Http404: lambda *_: problem_response(404),
    ProtectedError: lambda *_: problem_response(409, IN_USE),
    RestrictedError: lambda *_: problem_response(409, IN_USE),
    RequestDataTooBig: lambda *_: problem_response(413),
    UnreadablePostError: lambda *_: problem_response(400),  # the client has disconnected
    Exception: _unexpected,
}


class StrictParser(Parser):
    """Accept only JSON bodies: browsers send some others cross-site without a CORS preflight."""

    def parse_body(self, request: HttpRequest) -> Any:
        # A field of a form, beside files, has no media type of its own: None.
        if not (request.content_type is None or JSON.fullmatch(request.content_type)):
            raise HttpError(415, "")
        return super().parse_body(request)


class JSONRenderer(BaseRenderer):
    """Serialise with Pydantic, which keeps the microseconds of times."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data, fallback=DjangoJSONEncoder().default, inf_nan_mode="null")


class API(NinjaAPI):
    """Django Ninja's API with this parser and renderer, and with problem details."""

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {"parser": StrictParser(), "renderer": JSONRenderer()}
        super().__init__(**defaults | options)
        for kind, handler in EXCEPTION_HANDLERS.items():
            self.add_exception_handler(kind, handler)

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        """Turn an exception into a response; with ATOMIC_REQUESTS, roll back what it interrupts."""
        for connection in connections.all(initialized_only=True):
            if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
                connection.set_rollback(True)
        return super().on_exception(request, exc)

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Return the response object that an operation can change."""
        return json_response(content_type="application/json")

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """Name fields as clients know them: `body.name`, without the parameter's name."""
        errors = []
        for context in error_contexts:
            body, fields = issubclass(context.model, BodyModel), context.model.model_fields
            for error in super().validation_error_from_error_contexts([context]).errors:
                if len(fields) == 1 if body else error["type"] == "extra_forbidden":
                    error["loc"] = (error["loc"][0], *error["loc"][2:])
                errors.append(error)
        return ValidationError(errors)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return a short id for generated clients: `items_list_items`."""
        return f"{operation.view_func.__module__.split('.')[-2:][0]}_{operation.view_func.__name__}"

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Add problem details to every operation."""
        schema = super().get_openapi_schema(**options)
        for operation in (each for path in schema["paths"].values() for each in path.values()):
            kinds = ("401", "403", "default") if "security" in operation else ("default",)
            operation["responses"] = dict.fromkeys(kinds, PROBLEM_RESPONSE) | operation["responses"]
        return schema
