"""Probes and metrics; HealthMiddleware calls these views."""

from concurrent.futures import ThreadPoolExecutor

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from . import database, metrics
from .errors import problem_response

TIMEOUT = 2  # seconds for each check; probes wait longer
CHECKS = {"database": database.ping}

log = structlog.get_logger(__name__)

# Each check has one thread: if it never returns, its later calls wait behind it and time out.
_threads = {name: ThreadPoolExecutor(1) for name in CHECKS}


def live(_: HttpRequest) -> HttpResponse:
    """Is the process alive?"""
    return JsonResponse({"status": "ok"})


def ready(_: HttpRequest) -> HttpResponse:
    """Can it serve?"""
    checks = {name: _result(name) for name in CHECKS}
    if "failed" in checks.values():
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    return JsonResponse({"status": "ok", "checks": checks})


def _result(name: str) -> str:
    try:
        _threads[name].submit(CHECKS[name]).result(TIMEOUT)
    except Exception:
        log.exception("health check failed", check=name)
        return "failed"
    return "ok"


def scrape(request: HttpRequest) -> HttpResponse:
    """Return the metrics to Prometheus, which connects directly; refuse proxied requests."""
    if "X-Forwarded-For" in request.headers:
        return problem_response(404)
    return HttpResponse(metrics.render(), content_type=CONTENT_TYPE_LATEST)


VIEWS = {"/health/live": live, "/health/ready": ready, "/metrics": scrape}
