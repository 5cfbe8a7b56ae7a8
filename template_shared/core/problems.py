"""Errors as problem details (RFC 9457)."""

from collections.abc import Iterable, Mapping
from http.client import responses
from typing import Any

type Problem = dict[str, Any]
type FieldError = dict[str, str]

CONTENT_TYPE = "application/problem+json"
DETAILS = {
    401: "Authentication is required.",
    415: "The body's media type is not supported; send application/json.",
    422: "Some values are invalid; `errors` lists them.",
    500: "An unexpected error occurred. The X-Request-ID header identifies it in the logs.",
    503: "The service is temporarily unavailable.",
}


class ServiceError(Exception):
    """A request that cannot be fulfilled. The message is sent to the client.

    `headers` are added to the response, such as `Retry-After` with 429 or `WWW-Authenticate` with 401.
    """

    status = 400

    def __init__(self, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers or {}


class NotFoundError(ServiceError):
    """The requested object does not exist."""

    status = 404


class ConflictError(ServiceError):
    """The request conflicts with existing data."""

    status = 409


class InvalidError(ServiceError):
    """A value is well-formed but wrong, such as a reference to an object that does not exist."""

    status = 422


def problem(status: int, detail: str = "", errors: list[FieldError] | None = None) -> Problem:
    """Describe an error; `detail` defaults to a sentence for the status."""
    title = responses.get(status, "Error")
    if detail in ("", title):
        detail = DETAILS.get(status, title)
    body: Problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return body if errors is None else body | {"errors": errors}


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Translate Pydantic's errors, without the values: these may be secrets."""
    return [
        {
            "field": ".".join(map(str, error["loc"])),  # such as `body.name` or `query.limit`
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
        for error in errors
    ]


TEXT = {"type": "string"}
ERROR = {"type": "object", "properties": {"field": TEXT, "message": TEXT}}
DETAIL = {"type": ["string", "object", "array"]}  # a sentence, or your own data
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": DETAIL}
    | {"errors": {"type": "array", "items": ERROR}},
}
CONTENT = {CONTENT_TYPE: {"schema": SCHEMA}}
# The API's schema for every error response.
PROBLEM_RESPONSE: dict[str, Any] = {"description": "A problem (RFC 9457)", "content": CONTENT}
