"""How exceptions become answers. Endpoints and services raise; nobody builds an error response by hand."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from .problems import (
    CONTENT_TYPE,
    UNREADABLE,
    Problem,
    ServiceError,
    field_errors,
    headers_of,
    own_words,
    problem,
)

logger = structlog.get_logger(__name__)


class ProblemResponse(JSONResponse):
    """A problem as a response; `extensions` are further members of its body."""

    media_type = CONTENT_TYPE

    def __init__(
        self, body: Problem, headers: Mapping[str, str] | None = None, **extensions: object
    ) -> None:
        status = body["status"]
        super().__init__({**body, **extensions}, status, headers_of(status, headers))


async def _service_error(_: Request, error: ServiceError) -> Response:
    return ProblemResponse(problem(error.status, str(error)), error.headers)


async def _http_exception(request: Request, error: HTTPException) -> Response:
    status, headers = error.status_code, error.headers
    if status in {204, 304}:  # these have no body
        return Response(status_code=status, headers=headers)
    if status == 405:
        headers = {**(headers or {}), "Allow": _allowed_methods(request)}
    return ProblemResponse(problem(status, own_words(status, str(error.detail))), headers)


def _allowed_methods(request: Request) -> str:
    """Ask all routes: the exception knows only the methods of the first one with this path."""
    methods = set()
    for route in iter_route_contexts(request.app.routes):
        if route.matches(request.scope)[0] != Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = error.errors()
    if any(found["type"] == "json_invalid" and len(found["loc"]) == 2 for found in errors):
        return ProblemResponse(problem(400, UNREADABLE))
    # FastAPI leaves a body as it came where it does not claim to be JSON.
    if isinstance(error.body, bytes) and any(found["loc"][0] == "body" for found in errors):
        return ProblemResponse(problem(415))
    return ProblemResponse(problem(422, errors=field_errors(errors)))


async def _database_unavailable(_: Request, error: OperationalError | PoolTimeoutError) -> Response:
    if getattr(getattr(error, "orig", None), "sqlite_errorname", "") == "SQLITE_ERROR":
        raise error  # wrong SQL, or a table that no migration has made yet
    logger.error("database unavailable", exc_info=error)
    return ProblemResponse(problem(503))


exception_handlers: dict[
    int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]
] = {
    ServiceError: _service_error,
    HTTPException: _http_exception,
    RequestValidationError: _invalid_request,
    OperationalError: _database_unavailable,
    PoolTimeoutError: _database_unavailable,
}
