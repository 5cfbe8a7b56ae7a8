"""Probes and metrics; HealthMiddleware calls these views."""

from concurrent.futures import ThreadPoolExecutor

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from . import database, metrics
from .errors import problem_response

TIMEOUT = 2  # seconds; probes wait longer
log = structlog.get_logger(__name__)
_thread = ThreadPoolExecutor(1)  # if one check hangs, later ones queue behind it and time out


def live(_: HttpRequest) -> HttpResponse:
    """Is the process alive?"""
    return JsonResponse({"status": "ok"})


def ready(_: HttpRequest) -> HttpResponse:
    """Can it serve?"""
    try:
        _thread.submit(database.ping).result(TIMEOUT)
    except Exception:
        log.exception("health check failed", check="database")
        return JsonResponse({"status": "unavailable", "checks": {"database": "failed"}}, status=503)
    return JsonResponse({"status": "ok", "checks": {"database": "ok"}})


def scrape(request: HttpRequest) -> HttpResponse:
    """Return the metrics to Prometheus, which connects directly; refuse proxied requests."""
    if "X-Forwarded-For" in request.headers:
        return problem_response(404)
    return HttpResponse(metrics.render(), content_type=CONTENT_TYPE_LATEST)


VIEWS = {"/health/live": live, "/health/ready": ready, "/metrics": scrape}
