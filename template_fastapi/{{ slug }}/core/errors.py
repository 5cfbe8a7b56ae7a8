"""How exceptions become answers. Endpoints and services raise; nobody builds an error response by hand."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from .problems import CONTENT_TYPE, Problem, ServiceError, field_errors, problem

logger = structlog.get_logger(__name__)


class ProblemResponse(JSONResponse):
    """A problem as a response; `extensions` are further members of its body."""

    media_type = CONTENT_TYPE

    def __init__(
        self, body: Problem, headers: Mapping[str, str] | None = None, **extensions: object
    ) -> None:
        super().__init__({**body, **extensions}, body["status"], headers)


async def _service_error(_: Request, error: ServiceError) -> Response:
    return ProblemResponse(problem(error.status, str(error)))


async def _http_exception(_: Request, error: HTTPException) -> Response:
    if error.status_code in {204, 304}:  # these have no body
        return Response(status_code=error.status_code, headers=error.headers)
    # Without a detail of its own, the exception carries only the status code's name.
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return ProblemResponse(problem(error.status_code, detail), error.headers)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    return ProblemResponse(problem(422, errors=field_errors(error.errors())))


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
