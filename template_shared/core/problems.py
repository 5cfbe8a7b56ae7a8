"""Errors as RFC 9457 problem details: what a client gets instead of a stack trace."""

from collections.abc import Callable, Iterable, Mapping
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
    415: "The body's media type is not supported; send application/json.",
    422: "Some of the values are not allowed; `errors` says which.",
    429: "Too many requests.",
    500: "Something failed on our side. The X-Request-ID of this response identifies it in the logs.",
    503: "The service cannot answer at the moment.",
}

UNREADABLE = "There was an error parsing the body"


class ServiceError(Exception):
    """A request that cannot be fulfilled. The message is what the client reads.

    `headers` go with it, such as `Retry-After` with 429 and 503, or `WWW-Authenticate` with 401.
    """

    status = 400

    def __init__(self, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers or {}


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


def headers_of(status: int, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Add what a status cannot do without: a 401 names the way to log in, by default with a token."""
    return {**({"WWW-Authenticate": "Bearer"} if status == 401 else {}), **(headers or {})}


def own_words(status: int, detail: str) -> str:
    """Leave out a `detail` that only repeats the name of the status."""
    is_name = any(detail == known.phrase for known in HTTPStatus if known == status)
    return "" if is_name else detail


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Translate Pydantic's errors. The values themselves are left out: they may be secrets."""
    return [
        FieldError(field=".".join(map(str, error["loc"])), message=_message(error))
        for error in errors
    ]


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] in {"model_type", "model_attributes_type"}:
        return "Input should be an object"  # theirs speak of Python
    return str(error["msg"]).removeprefix("Value error, ")


def operation_id(function: Callable[..., Any]) -> str:
    """Name what an endpoint does, for the API's schema: `items_list_items`."""
    package = function.__module__.rpartition(".")[0].rpartition(".")[2]
    return f"{package}_{function.__name__}".removeprefix("_")


def _schema() -> dict[str, Any]:
    schema = TypeAdapter(Problem).json_schema()
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["FieldError"]
    return schema


# What the API's schema says about every answer that is not a success.
PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": _schema()}},
}
