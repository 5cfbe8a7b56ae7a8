"""The application, which `uvicorn` serves."""

import logging.config
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from . import docs, home
from .core import database, errors, middleware, operations, problems, tracing
from .core.about import DESCRIPTION, NAME
from .core.logging import configure_structlog, logging_config
from .environment import environment
from .items import endpoints as items

logging.config.dictConfig(logging_config(environment.log_level))
configure_structlog()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
    """Run in every process, before its first request and after its last."""
    url, pool_size = environment.database_url, environment.database_pool_size
    tracing.configure(__package__, environment.otel_exporter_otlp_endpoint)
    engine = database.create_engine(url, pool_size)
    yield {  # requests find these in `request.state`
        "engine": engine,
        "read_engine": engine.execution_options(isolation_level="AUTOCOMMIT"),
        "probe": database.create_engine(url),  # readiness checks do not use the pool
    }
    await engine.dispose()
    operations.shutdown()


app = FastAPI(
    title=NAME,
    description=DESCRIPTION,
    debug=environment.debug,
    openapi_url="/api/openapi.json" if environment.api_docs else None,
    docs_url=None,  # docs.py serves the page without a CDN
    redoc_url=None,
    redirect_slashes=False,
    max_body_size=1024 * 1024,
    dependencies=[Depends(errors.refuse_large_body)],
    # FastAPI's own spans take longer than the template's, and its metrics are not for Prometheus.
    telemetry={"tracing": False, "metrics": False, "logs": False},
    responses={"default": problems.PROBLEM_RESPONSE},
    exception_handlers=errors.exception_handlers,
    lifespan=lifespan,
)

# The middleware added last runs first. Add yours above Metrics, to be measured and logged.
app.add_middleware(middleware.AllowedHosts, allowed_hosts=environment.allowed_hosts)
app.add_middleware(middleware.SecurityHeaders, hsts=environment.environment == "production")
app.add_middleware(middleware.Metrics)
app.add_middleware(middleware.RequestLog)
app.add_middleware(middleware.RequestContext)

app.include_router(operations.router)
app.include_router(items.router)
if environment.api_docs:
    app.include_router(docs.router)
# The default runs if no route matches, so your own route for / replaces these pages.
if environment.environment == "development":
    app.router.default = home.router
elif environment.api_docs:
    app.router.default = docs.redirect
