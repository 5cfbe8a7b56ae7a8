"""The application: what surrounds the routers."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import async_sessionmaker

from . import database, health, logging, sizing
from .about import DESCRIPTION, NAME
from .environment import CoreEnvironment
from .errors import exception_handlers
from .middleware import RequestMiddleware
from .problems import PROBLEM_RESPONSE

MAX_BODY_SIZE = 1024 * 1024


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
    pool_size = sizing.pool_size(environment.database_connections)
    engine = database.create_engine(environment.database_url, pool_size)
    # Not one of the requests' connections: a service that uses all of them is busy, not unready.
    probe = database.create_engine(environment.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()
        await probe.dispose()

    app = FastAPI(
        title=NAME,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json" if environment.api_docs else None,
        docs_url="/api/docs" if environment.api_docs else None,
        redoc_url=None,
        redirect_slashes=False,  # one address for each resource
        telemetry={"tracing": False, "metrics": False, "logs": False},
        responses={"default": PROBLEM_RESPONSE},
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.add_middleware(
        RequestMiddleware,
        allowed_hosts=environment.allowed_hosts,
        max_body_size=max_body_size,
        debug=environment.debug,
    )
    health.add_probes(app, {"database": partial(database.ping, probe)})
    for router in routers:
        app.include_router(router)
    return app
