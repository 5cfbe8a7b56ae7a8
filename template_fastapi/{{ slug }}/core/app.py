"""The application: what surrounds the routers."""

import gc
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from inspect import signature

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.types import ASGIApp

from . import database, docs, health, logging, metrics, sizing, tracing
from .about import DESCRIPTION, NAME
from .environment import CoreEnvironment
from .errors import exception_handlers
from .middleware import RequestMiddleware
from .problems import PROBLEM_RESPONSE, operation_id

PACKAGE = __name__.partition(".")[0]
MAX_BODY_SIZE = 1024 * 1024
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}  # there is ours
REPLACED = {"ServerErrorMiddleware", "ExceptionTelemetryMiddleware", "AppBodyLimitMiddleware"}


class Application(FastAPI):
    """FastAPI without the layers whose work RequestMiddleware does."""

    def build_middleware_stack(self) -> ASGIApp:
        """Leave them out: each costs time in every request."""
        stack = super().build_middleware_stack()
        while type(stack).__name__ in REPLACED:
            stack = stack.app  # type: ignore[attr-defined]
        return stack


async def scrape(request: Request) -> Response:
    """Answer Prometheus, which comes straight to the service: what came through a proxy is refused."""
    if "x-forwarded-for" in request.headers:
        raise HTTPException(404)
    return Response(await to_thread(metrics.render), media_type=metrics.CONTENT_TYPE)


def create_app(
    environment: CoreEnvironment,
    routers: Iterable[APIRouter],
    *,
    max_body_size: int = MAX_BODY_SIZE,
) -> FastAPI:
    """Build the application that `environment` describes, which connects to nothing yet.

    A request whose body has more than `max_body_size` bytes is refused.
    """
    logging.configure(environment.log_level)
    tracing.configure(PACKAGE)
    pool_size = sizing.pool_size(environment.database_connections)
    engine = database.create_engine(environment.database_url, pool_size, autocommit=True)
    # Not one of the requests' connections: a service that uses all of them is busy, not unready.
    probe = database.create_engine(environment.database_url, autocommit=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        metrics.start(partial(database.pool_of, engine))
        gc.freeze()  # what is loaded by now stays, so that looking for garbage in it is in vain
        yield
        await engine.dispose()
        await probe.dispose()
        await to_thread(tracing.stop)

    app = Application(
        title=NAME,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json" if environment.api_docs else None,
        docs_url=None,  # see below
        redoc_url=None,
        redirect_slashes=False,  # one address for each resource
        telemetry=NO_TELEMETRY,
        generate_unique_id_function=lambda route: operation_id(route.endpoint),
        responses={"default": PROBLEM_RESPONSE},
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    # Closed for good: used after its request, a session would take a connection, and keep it.
    sessions = partial(async_sessionmaker, engine, expire_on_commit=False, close_resets_only=False)
    app.state.sessions = sessions(sync_session_class=database.WritingSession)
    app.state.read_sessions = sessions(sync_session_class=database.ReadingSession)
    machines = FastAPI(openapi_url=None, telemetry=NO_TELEMETRY)
    health.add_probes(machines, {"database": partial(database.ping, probe)})
    machines.add_route(metrics.PATH, scrape)
    app.add_middleware(
        RequestMiddleware,
        machines=machines,
        allowed_hosts=environment.allowed_hosts,
        max_body_size=max_body_size,
        debug=environment.debug,
        in_production=environment.environment == "production",
    )
    if environment.api_docs:
        docs.add_page(app)
    for router in routers:
        include(app, router)
    database.trace_queries(engine)
    return app


def include(app: FastAPI, router: APIRouter) -> None:
    """Add a router, and its routes to the application itself.

    FastAPI keeps what is included apart, and searches it twice in every request.
    """
    app.include_router(router)
    if all(type(route) is APIRoute for route in router.routes):  # else: WebSockets, further routers
        app.router.routes.pop()
        names = signature(app.add_api_route).parameters
        for route in router.routes:
            app.add_api_route(**{name: getattr(route, name) for name in names})
