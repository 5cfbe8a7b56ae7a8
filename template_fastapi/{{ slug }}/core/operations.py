"""Endpoints for operators: probes for the orchestrator, and metrics for Prometheus."""

import asyncio

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text

from . import metrics

PROBE_TIMEOUT = 4  # seconds; the orchestrator waits for 5
router = APIRouter(include_in_schema=False)
logger = structlog.get_logger(__name__)


@router.api_route("/health/live", methods=["GET", "HEAD"])
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.api_route("/health/ready", methods=["GET", "HEAD"])
async def ready(request: Request) -> JSONResponse:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT), request.state.probe.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception:
        logger.exception("health check failed", check="database")
        return JSONResponse({"status": "unavailable", "checks": {"database": "failed"}}, 503)
    return JSONResponse({"status": "ok", "checks": {"database": "ok"}})


@router.get("/metrics")
def prometheus(request: Request) -> Response:
    if "x-forwarded-for" in request.headers:  # Prometheus does not come through the proxy
        raise HTTPException(404)
    return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)


def shutdown() -> None:
    """Flush traces: exit handlers do not run when a signal ends the process."""
    if callable(stop := getattr(trace.get_tracer_provider(), "shutdown", None)):
        stop()
