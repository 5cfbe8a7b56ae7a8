"""What an orchestrator asks: is the process alive, and can it serve?

The middleware answers these two itself: probes name no host that ALLOWED_HOSTS could hold.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from . import metrics
from .timeouts import PROBE

type Check = Callable[[], None]


draining = False  # after SIGTERM, until the process ends: the worker sets it

logger = structlog.get_logger(__name__)


def live(_: HttpRequest) -> HttpResponse:
    """Answer: that is all it takes."""
    return JsonResponse({"status": "ok"})


def ready(_: HttpRequest) -> HttpResponse:
    """Tell whether each check succeeds in time."""
    if draining:
        results = {"server": "failed"}
    else:
        results = {name: _result(name, check) for name, check in CHECKS.items()}
    is_ready = all(result == "ok" for result in results.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": results},
        status=200 if is_ready else 503,
    )


def ping_database() -> None:
    """Ask the database for an answer, or fail."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


CHECKS: Mapping[str, Check] = {"database": ping_database}


def scrape(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus, which comes straight to the service: what came through a proxy is refused."""
    if "HTTP_X_FORWARDED_FOR" in request.META:
        return HttpResponse(status=404)
    return HttpResponse(metrics.render(), content_type=metrics.CONTENT_TYPE)


VIEWS = {"/health/live": live, "/health/ready": ready, metrics.PATH: scrape}

# A database that accepts a query and never answers would hold the asking thread for ever. Let it be
# one of ours, and only one: while it hangs, the next checks wait for their turn and fail in time.
_threads = {name: ThreadPoolExecutor(1, thread_name_prefix=f"health-{name}") for name in CHECKS}


def _result(name: str, check: Check) -> str:
    try:
        _threads[name].submit(check).result(PROBE)
    except Exception:
        logger.exception("health check failed", check=name)
        return "failed"
    return "ok"
