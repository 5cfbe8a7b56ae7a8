"""The application: what surrounds the routers."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import async_sessionmaker

from . import database, docs, health, logging
from .about import DESCRIPTION, NAME
from .environment import CoreEnvironment
from .errors import exception_handlers
from .methods import HeadAsGet
from .middleware import RequestMiddleware
from .problems import PROBLEM_RESPONSE, operation_id

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
    engine = database.create_engine(environment.database_url)
    # Not one of the requests' connections: a service that uses all of them is busy, not unready.
    probe = database.create_engine(environment.database_url, pool_size=1)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()
        await probe.dispose()

    app = FastAPI(
        title=NAME,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json" if environment.api_docs else None,
        docs_url=None,  # see below
        redoc_url=None,
        redirect_slashes=False,  # one address for each resource
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: operation_id(route.endpoint),
        responses={"default": PROBLEM_RESPONSE},
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        RequestMiddleware,
        allowed_hosts=environment.allowed_hosts,
        max_body_size=max_body_size,
        debug=environment.debug,
    )
    health.add_probes(app, {"database": partial(database.ping, probe)})
    if environment.api_docs:
        docs.add_page(app)
    for router in routers:
        app.include_router(router)
    return app
