"""The API: what surrounds the routers."""

import json
import re
from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic_core import from_json, to_json

from ..environment import environment
from .about import DESCRIPTION, NAME
from .errors import EXCEPTION_HANDLERS
from .problems import PROBLEM_RESPONSE, UNREADABLE, ServiceError, operation_id

JSON = re.compile(r"application/(.+\+)?json")


class MediaTypeError(ServiceError):
    """A body that is not JSON, and does not say that it is."""

    status = 415


class JSONParser(Parser):
    """Read bodies with Pydantic, which is faster than `json`."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return what the body holds."""
        # Browsers send other media types to other sites' services without asking these first.
        if not JSON.fullmatch(request.content_type or ""):
            raise MediaTypeError
        try:
            return from_json(request.body)
        except ValueError:
            pass
        try:
            return json.loads(request.body)  # text that no field takes: the answer names the field
        except (ValueError, RecursionError):
            raise ServiceError(UNREADABLE) from None


class JSONRenderer(BaseRenderer):
    """Write bodies with Pydantic: fast, and times keep their microseconds."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return `data` as JSON."""
        return to_json(data)


class API(NinjaAPI):
    """Where routers are added. https://django-ninja.dev"""

    def __init__(self) -> None:
        super().__init__(
            title=NAME,
            description=DESCRIPTION,
            version="0.1.0",
            openapi_url="/openapi.json" if environment.api_docs else None,
            docs_url="/docs",
            docs_decorator=lambda view: csrf_exempt(require_safe(view)),
            urls_namespace="api",
            parser=JSONParser(),
            renderer=JSONRenderer(),
        )
        for kind, handler in EXCEPTION_HANDLERS.items():
            self.add_exception_handler(kind, handler)

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """Answer HEAD wherever there is a GET."""
        for router in self._get_bound_routers():
            for view in router.path_operations.values():
                for operation in view.operations:
                    if "GET" in operation.methods and "HEAD" not in operation.methods:
                        operation.methods.append("HEAD")
        return super().urls

    def get_content_type(self) -> str:
        """JSON has no charset: it is always UTF-8."""
        return "application/json"

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """Name fields as clients know them: `body.name`, without the parameter that takes the body."""
        errors = []
        for context in error_contexts:
            found = super().validation_error_from_error_contexts([context]).errors
            if hasattr(context.model, "__read_from_single_attr__"):
                found = [error | {"loc": (error["loc"][0], *error["loc"][2:])} for error in found]
            errors += found
        return ValidationError(errors)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Name operations as generated clients should: briefly."""
        return operation_id(operation.view_func)

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Add the problems to what the routers say."""
        schema = super().get_openapi_schema(**options)
        for operations in schema["paths"].values():
            operations.pop("head", None)  # GET says it all
            for operation in operations.values():
                operation["responses"].setdefault("default", PROBLEM_RESPONSE)
        return schema
