"""Start, run, and repeat jobs.

A job's parts run one after the other. A part, its result and its effects on the database share one
transaction, which locks the job. So an interrupted part has no effect, a finished part is not
repeated, and running a job twice is harmless, even at the same time.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import batched
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind
from structlog.contextvars import bound_contextvars, get_contextvars

from . import queue
from .models import Job, Part

SLICE = 15  # seconds after which a run lets other jobs run; shorter than a worker's grace period
ATTEMPTS = 5  # of the same part
BACKOFF = 10  # seconds before the second attempt, doubled each time
STALE = timedelta(minutes=3)  # after which a job gets another message, if no worker seems to run it
KEPT = timedelta(days=30)  # for finished jobs

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class JobFunction:
    """A function that does one part of a job: it takes the part's input and returns its result."""

    function: Callable[[Any], str]
    title: str

    def start(self, parts: Iterable[Any], owner: int | None = None) -> Job:
        """Add a job with a part for each input, to run once the transaction is committed."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        with transaction.atomic():
            job = Job.objects.create(
                function=f"{self.function.__module__}.{self.function.__qualname__}",
                title=self.title,
                owner_id=owner,
                request_id=get_contextvars().get("request_id", ""),
                traceparent=carrier.get("traceparent", ""),
            )
            for batch in batched(enumerate(parts), 100, strict=False):
                Part.objects.bulk_create(Part(job=job, number=n, given=given) for n, given in batch)
            job.total = job.parts.count()
            job.save(update_fields=["total"])
            _send(job)
        return job


def job(title: str) -> Callable[[Callable[[Any], str]], JobFunction]:
    """Decorate a function that does one part of a job."""
    return partial(JobFunction, title=title)


def run(job_id: str) -> None:
    """Work on a job for a while: workers call this."""
    job = Job.objects.filter(pk=job_id, finished_at=None).first()
    if not job:
        return
    with _context(job):
        until = time.monotonic() + SLICE
        try:
            while _do_part(job_id):
                if time.monotonic() > until:
                    _send(job)
                    return
        except Exception:
            log.exception("part of a job failed", job=str(job.pk), title=job.title)
            _count_failure(job_id)


def resend(stale: timedelta = STALE) -> None:
    """Send messages for jobs whose message or worker seems to be lost."""
    before = timezone.now() - stale
    with transaction.atomic():
        lost = Job.objects.filter(finished_at=None, due_at__lte=before, sent_at__lte=before)
        for job in lost.select_for_update(skip_locked=True).order_by("due_at")[:1000]:
            log.warning("job is sent again", job=str(job.pk), title=job.title)
            Job.objects.filter(pk=job.pk).update(sent_at=timezone.now())
            _send(job)


def delete_old() -> None:
    """Delete jobs that finished long ago."""
    number, _ = Job.objects.filter(finished_at__lt=timezone.now() - KEPT).delete()
    log.info("old jobs are deleted", rows=number)


def _send(job: Job, delay: float = 0) -> None:
    # Robust: if the queue is down, the error is logged, and `resend` sends the job later.
    transaction.on_commit(partial(queue.send, str(job.pk), delay), robust=True)


def _locked(job_id: str) -> Job | None:
    """Return the job unless it is finished or another worker is working on it."""
    jobs = Job.objects.select_for_update(skip_locked=True)
    return jobs.filter(pk=job_id, finished_at=None).first()


def _do_part(job_id: str) -> bool:
    """Do the next part; return whether there is another one."""
    with transaction.atomic():
        job = _locked(job_id)
        if not job:
            return False
        part = job.parts.filter(is_done=False).first()
        if part:
            part.result = import_string(job.function).function(part.given)
            part.is_done = True
            part.save(update_fields=["result", "is_done"])
            job.position += 1
        job.failures = 0
        job.status = Job.Status.RUNNING
        job.due_at = job.sent_at = timezone.now()
        if job.position >= job.total:
            job.status, job.finished_at = Job.Status.DONE, timezone.now()
            log.info("job is done", job=str(job.pk), title=job.title, parts=job.total)
        job.save()
        return not job.is_finished


def _count_failure(job_id: str) -> None:
    """Try again later, or give up."""
    with transaction.atomic():
        job = _locked(job_id)
        if not job:
            return
        job.failures += 1
        if job.failures < ATTEMPTS:
            delay = BACKOFF * 2 ** (job.failures - 1) * random.uniform(0.8, 1.2)  # noqa: S311
            job.due_at = timezone.now() + timedelta(seconds=delay)
            _send(job, delay)
        else:
            job.status, job.finished_at = Job.Status.FAILED, timezone.now()
            log.error("job failed", job=str(job.pk), title=job.title, attempts=job.failures)
        job.save()


@contextmanager
def _context(job: Job) -> Iterator[None]:
    """Log and trace a job as part of the request that started it."""
    parent = propagate.extract({"traceparent": job.traceparent})
    with tracer.start_as_current_span(job.title, parent, SpanKind.CONSUMER) as span:
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        with bound_contextvars(request_id=job.request_id, trace_id=trace_id):
            yield
