"""Call the functions in JOB_SCHEDULE regularly, and serve metrics about jobs.

Each function is also called at startup, so it must be safe to call at any time.
"""

import signal
import threading
import time
from typing import Any

import structlog
from django.conf import settings
from django.core.management import BaseCommand
from django.db import close_old_connections, connections
from django.utils.module_loading import import_string

from ....environment import environment
from ... import metrics

IDLE = 60  # seconds, if nothing is scheduled; metrics are served nevertheless

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__

    def handle(self, **_: Any) -> None:
        stop = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: stop.set())
        metrics.serve(environment.scheduler_port)
        due = dict.fromkeys(settings.JOB_SCHEDULE, time.monotonic())
        while not stop.is_set():
            for name in due:
                if due[name] <= time.monotonic():
                    due[name] = time.monotonic() + settings.JOB_SCHEDULE[name]
                    call(name)
            first = min(due.values(), default=time.monotonic() + IDLE)
            stop.wait(max(0, first - time.monotonic()))


def call(name: str) -> None:
    """Call a function. A failure is only logged, so the others still run."""
    close_old_connections()
    try:
        import_string(name)()
    except Exception:
        log.exception("scheduled function failed", function=name)
    finally:
        connections.close_all()
