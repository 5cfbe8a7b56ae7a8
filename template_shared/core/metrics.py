"""What Prometheus reads on /metrics.

The names and units are those of OpenTelemetry's semantic conventions. Several workers count in
files that they share (see workers.py), so that any of them can answer for all.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from .pool import Pool

PATH = "/metrics"
CONTENT_TYPE = CONTENT_TYPE_LATEST
SAMPLE_EVERY = 1.0  # seconds

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)  # seconds

registry = CollectorRegistry()
shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")

DURATION = Histogram(
    "http_server_request_duration_seconds",
    "How long requests took.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=BUCKETS,
    registry=registry,
)
QUEUED = Histogram(
    "http_server_queue_duration_seconds",
    "How long requests waited between the proxy and this service.",
    buckets=BUCKETS,
    registry=registry,
)


def _gauge(name: str, documentation: str, labels: tuple[str, ...] = ()) -> Gauge:
    return Gauge(name, documentation, labels, multiprocess_mode="livesum", registry=registry)


ACTIVE = _gauge("http_server_active_requests", "Requests that are being answered.")
WORKERS = _gauge("http_server_workers", "Processes that serve.")
CONNECTIONS = _gauge("db_client_connection_count", "Connections to the database.", ("state",))
LIMIT = _gauge("db_client_connection_max", "Connections to the database that may be open.")
PENDING = _gauge("db_client_connection_pending_requests", "Requests that wait for a connection.")
MEMORY = _gauge("process_resident_memory_bytes", "Memory that the processes use.")
CPU = Counter("process_cpu_seconds_total", "CPU time that the processes used.", registry=registry)


class _Active:
    """The requests in this process: a number of Python's own costs less than a gauge."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self.number += number


active = _Active()


@cache
def _duration(method: str, route: str, status: int) -> Histogram:
    return DURATION.labels(method, route, str(status))


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. There must be few methods and routes: each combination is kept for ever."""
    _duration(method, route, status).observe(seconds)


def observe_queue(header: str) -> None:
    """Note how long a request waited, from the time in its ``X-Request-Start: t=<seconds>``."""
    with contextlib.suppress(ValueError):
        waited = time.time() - float(header.removeprefix("t="))
        if -60 < waited < 3600:  # clocks differ a little; the rest is nonsense
            QUEUED.observe(max(0.0, waited))


def start(pool: Callable[[], Pool]) -> None:
    """Begin to note, once a second, what is no event but a state."""
    WORKERS.set(1)
    threading.Thread(target=_sample_for_ever, args=[pool], name="metrics", daemon=True).start()


def _sample_for_ever(pool: Callable[[], Pool]) -> None:
    spent = 0.0
    page = os.sysconf("SC_PAGE_SIZE")
    memory = Path("/proc/self/statm")  # Linux only
    while True:
        idle, used, limit, pending = pool()
        CONNECTIONS.labels("idle").set(idle)
        CONNECTIONS.labels("used").set(used)
        LIMIT.set(limit)
        PENDING.set(pending)
        ACTIVE.set(active.number)
        now = time.process_time()
        CPU.inc(now - spent)
        spent = now
        if memory.exists():
            MEMORY.set(int(memory.read_text().split()[1]) * page)
        time.sleep(SAMPLE_EVERY)


def render() -> bytes:
    """Return the state of all workers in Prometheus's text format."""
    if not shared:
        return generate_latest(registry)
    for file in Path(shared).glob("gauge_live*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{process}").exists():
            mark_process_dead(process, shared)  # type: ignore[no-untyped-call]
    together = CollectorRegistry()
    MultiProcessCollector(together, shared)  # type: ignore[no-untyped-call]
    return generate_latest(together)
