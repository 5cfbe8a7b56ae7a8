"""The readiness check with Redis. It comes before the core's, which checks the database."""

import asyncio
import json

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from redis import DriverInfo
from redis.asyncio import Redis

from ..core import operations
from ..environment import environment

TIMEOUT = 1.5  # seconds; the database's check and this one end before the probe does
DRIVER = DriverInfo()  # once: otherwise each connection reads the package's version from a file
router = APIRouter(include_in_schema=False)
logger = structlog.get_logger(__name__)


@router.api_route("/health/ready", methods=["GET", "HEAD"])
async def ready(request: Request) -> JSONResponse:
    database, redis = await asyncio.gather(operations.ready(request), is_ready())
    checks = json.loads(bytes(database.body))["checks"] | {"redis": "ok" if redis else "failed"}
    if not redis or database.status_code != 200:
        return JSONResponse({"status": "unavailable", "checks": checks}, 503)
    return JSONResponse({"status": "ok", "checks": checks})


async def is_ready() -> bool:
    """Return whether Redis responds; without REDIS_URL, there is nothing to check."""
    if not environment.redis_url:
        return True
    try:
        client = Redis.from_url(environment.redis_url, driver_info=DRIVER)
        async with asyncio.timeout(TIMEOUT), client as redis:
            await redis.ping()
    except Exception:
        logger.exception("health check failed", check="redis")
        return False
    return True
