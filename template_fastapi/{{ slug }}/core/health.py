"""What an orchestrator asks: is the process alive, and can it serve?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from .timeouts import PROBE

LIVE = "/health/live"
READY = "/health/ready"
PROBES = frozenset({LIVE, READY})  # they know no host name, and their lines would drown the others

draining = False  # after SIGTERM, until the process ends: the server sets it

type Check = Callable[[], Awaitable[object]]

logger = structlog.get_logger(__name__)


def add_probes(app: FastAPI, checks: Mapping[str, Check]) -> None:
    """Answer the probes: the service is ready while each of the `checks` succeeds in time."""

    @app.get(LIVE, include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(READY, include_in_schema=False)
    async def ready() -> JSONResponse:
        results = {"server": "failed"} if draining else await _results(checks)
        is_ready = all(result == "ok" for result in results.values())
        return JSONResponse(
            {"status": "ok" if is_ready else "unavailable", "checks": results},
            status_code=200 if is_ready else 503,
        )


async def _results(checks: Mapping[str, Check]) -> dict[str, str]:
    results = await asyncio.gather(*(_result(name, check) for name, check in checks.items()))
    return dict(zip(checks, results, strict=True))


async def _result(name: str, check: Check) -> str:
    # Whoever does not answer may not let itself be cancelled either: it is left behind, not waited for.
    task = asyncio.ensure_future(check())
    try:
        await asyncio.wait_for(asyncio.shield(task), PROBE)
    except Exception:
        logger.exception("health check failed", check=name)
        task.cancel()
        return "failed"
    return "ok"
