"""Metrics for Prometheus, under the names and in the units of OpenTelemetry's conventions.

Workers share PROMETHEUS_MULTIPROC_DIR: https://prometheus.github.io/client_python/multiprocess/.
"""

import os
from functools import partial
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
if DIRECTORY:
    Path(DIRECTORY).mkdir(parents=True, exist_ok=True)
    # On Linux, delete the gauge files of workers that were killed.
    for gauges in Path(DIRECTORY).glob("gauge_live*.db"):
        if Path("/proc/self").exists() and not Path("/proc", gauges.stem.split("_")[-1]).exists():
            gauges.unlink(missing_ok=True)

# Clients can send any method, so unknown methods share one label.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Seconds from a request's arrival until its response starts.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
_gauge = partial(Gauge, multiprocess_mode="livesum")
ACTIVE = _gauge("http_server_active_requests", "Requests whose response has not started.")
{%- if not has.sqlite %}
CONNECTIONS = _gauge("db_client_connection_count", "Database connections.", ["state"])
MAX_CONNECTIONS = _gauge("db_client_connection_max", "Maximum database connections.")
{%- endif %}


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Record a request; `route` is the template of its path."""
    DURATION.labels(method if method in METHODS else "_OTHER", route, str(status)).observe(seconds)


def render() -> bytes:
    """Return the metrics of all workers in Prometheus's text format."""
    registry = CollectorRegistry() if DIRECTORY else REGISTRY
    if DIRECTORY:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
