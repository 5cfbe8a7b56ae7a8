"""Probes and metrics; HealthMiddleware calls these views."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, wait

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST

from . import database, metrics
from .errors import problem_response

TIMEOUT = 2  # seconds; probes wait longer
log = structlog.get_logger(__name__)
# If a check hangs, its later runs queue behind it and time out.
_threads = defaultdict[str, ThreadPoolExecutor](lambda: ThreadPoolExecutor(1))


def live(_: HttpRequest) -> HttpResponse:
    """Is the process alive?"""
    return JsonResponse({"status": "ok"})


def ready(_: HttpRequest) -> HttpResponse:
    """Can it serve?"""
    others: dict[str, str] = getattr(settings, "READINESS_CHECKS", {})
    checks = {"database": database.ping} | {name: import_string(others[name]) for name in others}
    running = {name: _threads[name].submit(check) for name, check in checks.items()}
    wait(running.values(), TIMEOUT)
    failed = [name for name, check in running.items() if not check.done() or check.exception()]
    for name in failed:
        error = running[name].exception() if running[name].done() else TimeoutError()
        log.error("health check failed", check=name, exc_info=error)
    found = {name: "failed" if name in failed else "ok" for name in checks}
    overall, status = ("unavailable", 503) if failed else ("ok", 200)
    return JsonResponse({"status": overall, "checks": found}, status=status)


def scrape(request: HttpRequest) -> HttpResponse:
    """Return the metrics to Prometheus, which connects directly; refuse proxied requests."""
    if "X-Forwarded-For" in request.headers:
        return problem_response(404)
    return HttpResponse(metrics.render(), content_type=CONTENT_TYPE_LATEST)


VIEWS = {"/health/live": live, "/health/ready": ready, "/metrics": scrape}
