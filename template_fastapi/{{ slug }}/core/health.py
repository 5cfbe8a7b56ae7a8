"""What an orchestrator asks: is the process alive, and can it serve?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

TIMEOUT = 2.0  # seconds that all checks together may take

type Check = Callable[[], Awaitable[object]]

logger = structlog.get_logger(__name__)


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Answer the probes; the service is ready while each of the `checks` succeeds in time."""
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        results = await asyncio.gather(*(_result(name, check) for name, check in checks.items()))
        is_ready = all(result == "ok" for result in results)
        return JSONResponse(
            {
                "status": "ok" if is_ready else "unavailable",
                "checks": dict(zip(checks, results, strict=True)),
            },
            status_code=200 if is_ready else 503,
        )

    return router


async def _result(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(TIMEOUT):
            await check()
    except Exception:
        logger.exception("health check failed", check=name)
        return "failed"
    return "ok"
