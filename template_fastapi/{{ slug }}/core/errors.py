"""Exception handlers: every error of the API becomes a problem (RFC 9457)."""

import sys
from collections.abc import Callable, Mapping
from json import JSONDecodeError
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY, RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from . import database, postgres, problems
from .logging import REQUEST_ID_HEADER, request_id_from
from .problems import Problem, ServiceError, problem

logger = structlog.get_logger(__name__)


class ProblemResponse(JSONResponse):
    media_type = problems.CONTENT_TYPE

    def __init__(self, body: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, body["status"], headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # No limit here: otherwise Starlette would replace this response if the body is too large.
        await RequestBodyLimitMiddleware(super().__call__, sys.maxsize)(scope, receive, send)


async def refuse_large_body(connection: HTTPConnection) -> None:
    """Refuse a large body before the endpoint runs, even if the endpoint does not read it."""
    limit = connection.scope.get(MAX_BODY_SIZE_SCOPE_KEY, sys.maxsize)
    if int(connection.headers.get("content-length", 0)) > limit:
        raise HTTPException(413)


async def service_error(_: Request, error: ServiceError) -> Response:
    return ProblemResponse(problem(error.status, str(error)), error.headers)


async def http_exception(request: Request, error: HTTPException) -> Response:
    status, headers = error.status_code, error.headers
    detail: object = error.detail
    if status in {204, 304}:  # these have no body
        return Response(status_code=status, headers=headers)
    body = problem(status, str(detail)) | ({} if isinstance(detail, str) else {"detail": detail})
    response = ProblemResponse(body, headers)
    if status == 405:  # Starlette names only the methods of the first route with this path
        methods: dict[Match, set[str]] = {match: set() for match in Match}
        for route in iter_route_contexts(request.app.routes):
            methods[route.matches(request.scope)[0]].update(route.methods or ())
        if methods[Match.PARTIAL] and not methods[Match.FULL]:  # otherwise the endpoint raised it
            response.headers["Allow"] = ", ".join(sorted(methods[Match.PARTIAL]))
        response.headers.setdefault("Allow", "GET, HEAD")  # of static files
    return response


async def invalid_request(request: Request, error: RequestValidationError) -> Response:
    if isinstance(error.__cause__, JSONDecodeError):
        return ProblemResponse(problem(400, "There was an error parsing the body"))
    # If the Content-Type is not JSON, FastAPI leaves the body as bytes.
    errors, field = error.errors(), getattr(request.scope.get("route"), "body_field", None)
    is_bytes = isinstance(error.body, bytes) and any("body" in found["loc"][:1] for found in errors)
    if is_bytes and field and field.field_info.media_type == "application/json":
        return ProblemResponse(problem(415))
    return ProblemResponse(problem(422, errors=problems.field_errors(errors)))


async def database_error(_: Request, error: Any) -> Response:
    if postgres.is_unstorable(getattr(error, "orig", error)):
        return ProblemResponse(problem(400))
    if isinstance(error, UnicodeEncodeError) or not database.is_unavailable(error):
        raise error  # a bug
    cause = type(getattr(error, "orig", error)).__name__  # such as DeadlockDetected
    logger.error("database query failed", cause=cause, exc_info=error)
    return ProblemResponse(problem(503), {"Retry-After": "10"})  # as nginx does


async def client_disconnect(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=499)  # for the log and metrics: the client has disconnected


async def unhandled_exception(request: Request, _: Exception) -> ASGIApp:
    """Return 500. Starlette raises the exception again, and the server logs it."""
    # Your own middleware may raise outside RequestContext, or may call it in another task.
    ids = {"request_id": getattr(request.state, "request_id", "") or request_id_from(None)}
    ids |= getattr(request.state, "log_context", {})
    structlog.contextvars.bind_contextvars(**ids)
    headers = {REQUEST_ID_HEADER: ids["request_id"], "Connection": "close"}  # as Uvicorn does
    response = ProblemResponse(problem(500), headers)
    for each in request.app.user_middleware:  # Starlette sends this response outside of it
        if each.cls is CORSMiddleware:
            return CORSMiddleware(response, *each.args, **each.kwargs)
    return response


exception_handlers: dict[int | type[Exception], Callable[[Request, Any], Any]] = {
    ServiceError: service_error,
    HTTPException: http_exception,
    RequestValidationError: invalid_request,
    **dict.fromkeys((exc.DBAPIError, exc.TimeoutError, UnicodeEncodeError), database_error),
    ClientDisconnect: client_disconnect,
    Exception: unhandled_exception,
}
