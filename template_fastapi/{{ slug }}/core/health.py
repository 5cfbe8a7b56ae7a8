"""What an orchestrator asks: is the process alive, and can it serve?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse

LIVE = "/health/live"
READY = "/health/ready"
PROBES = frozenset({LIVE, READY})  # they know no host name, and their lines would drown the others

TIMEOUT = 2.0  # seconds

type Check = Callable[[], Awaitable[object]]

logger = structlog.get_logger(__name__)


def add_probes(app: FastAPI, checks: Mapping[str, Check]) -> None:
    """Answer the probes: the service is ready while each of the `checks` succeeds in time."""

    @app.get(LIVE, include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(READY, include_in_schema=False)
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


async def _result(name: str, check: Check) -> str:
    # Whoever does not answer may not let itself be cancelled either: it is left behind, not waited for.
    task = asyncio.ensure_future(check())
    try:
        await asyncio.wait_for(asyncio.shield(task), TIMEOUT)
    except Exception:
        logger.exception("health check failed", check=name)
        task.cancel()
        return "failed"
    return "ok"
