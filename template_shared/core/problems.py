"""Errors as RFC 9457 problem details: what a client gets instead of a stack trace."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict

from pydantic import TypeAdapter

CONTENT_TYPE = "application/problem+json"

# Python 3.12 still has the names that RFC 9110 replaced.
TITLES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Content Too Large",
    422: "Unprocessable Content",
}

DETAILS = {
    400: "The request is malformed.",
    401: "Say who you are.",
    403: "You are not allowed to do that.",
    404: "There is nothing at this address.",
    405: "This address does not support that method.",
    409: "The request conflicts with the present state.",
    413: "The request's body is too large.",
    415: "The body's media type is not supported.",
    422: "Some of the values are not allowed; `errors` says which.",
    500: "Something failed on our side. The X-Request-ID of this response identifies it in the logs.",
    503: "The service cannot answer at the moment.",
}


class ServiceError(Exception):
    """A request that cannot be fulfilled. The message is what the client reads."""

    status = 400


class NotFoundError(ServiceError):
    """What the request is about does not exist."""

    status = 404


class ConflictError(ServiceError):
    """The request contradicts what exists."""

    status = 409


class FieldError(TypedDict):
    """One value that was refused, found by its path: `body.name`, `query.limit`."""

    field: str
    message: str


class Problem(TypedDict):
    """The body of an error. `about:blank` means that the status code says it all."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FieldError]]


def problem(status: int, detail: str = "", errors: list[FieldError] | None = None) -> Problem:
    """Describe an error; without a `detail`, in the words that fit every error of this status."""
    body = Problem(
        type="about:blank",
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail or DETAILS.get(status, ""),
    )
    if errors is not None:
        body["errors"] = errors
    return body


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Translate Pydantic's errors. The values themselves are left out: they may be secrets."""
    return [FieldError(field=_path(error), message=_message(error)) for error in errors]


def _path(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return "body"  # its second part is an offset in the text
    return ".".join(str(part) for part in error["loc"])


def _message(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _schema() -> dict[str, Any]:
    schema = TypeAdapter(Problem).json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["FieldError"]
    return schema


# What the API's schema says about every answer that is not a success.
PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": _schema()}},
}
