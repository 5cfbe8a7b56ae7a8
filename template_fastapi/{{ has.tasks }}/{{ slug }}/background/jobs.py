"""Add, run and delete jobs.

A job's parts run one after the other. A part, its result and its effects on the database share one
transaction, which locks the job. So an interrupted part has no effect, a finished part is not
repeated, and running a job twice is harmless, even at the same time.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pkgutil import resolve_name
from typing import Any
from uuid import UUID

import structlog
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from structlog.contextvars import bound_contextvars, get_contextvars

from .models import Job, JobPart, Status, now

SLICE = 15  # seconds after which a run lets other jobs run
LIMIT = 30  # seconds for a part; with SLICE, shorter than a worker's grace period
ATTEMPTS = 5  # of the same part
BACKOFF = 10  # seconds before the second attempt, doubled each time
KEPT = timedelta(days=30)  # for finished jobs

logger = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class JobFunction:
    """A function that does one part of a job: it takes the part's input and returns its result."""

    function: Callable[[AsyncSession, Any], Awaitable[str]]
    title: str

    async def add(self, session: AsyncSession, parts: Iterable[Any], owner: str = "") -> Job:
        """Add a job with a part for each input. After the commit, call `queue.send`."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        given, moment = list(parts), now()
        job = Job(
            function=f"{self.function.__module__}:{self.function.__qualname__}",
            title=self.title,
            owner=owner,
            total=len(given),
            due_at=moment,
            sent_at=moment,
            request_id=get_contextvars().get("request_id", ""),
            traceparent=carrier.get("traceparent", ""),
        )
        session.add(job)
        await session.flush()
        rows = (JobPart(job_id=job.id, number=n, given=each) for n, each in enumerate(given))
        session.add_all(rows)
        await session.flush()
        return job


def job(title: str) -> Callable[[Callable[[AsyncSession, Any], Awaitable[str]]], JobFunction]:
    """Decorate a function that does one part of a job."""
    return partial(JobFunction, title=title)


async def run(engine: AsyncEngine, job_id: UUID) -> bool:
    """Work on a job for a while. Return whether it needs another message."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        job = await session.get(Job, job_id)
    if not job or job.finished_at:
        return False
    with _context(job):
        until = time.monotonic() + SLICE
        try:
            while await _do_part(engine, job_id):
                if time.monotonic() > until:
                    return True
        except Exception:
            logger.exception("part of a job failed", job=str(job_id), title=job.title)
            await _count_failure(engine, job_id)
    return False


async def delete_old(engine: AsyncEngine) -> None:
    """Delete jobs that finished long ago."""
    async with AsyncSession(engine) as session, session.begin():
        old = delete(Job).where(Job.finished_at < now() - KEPT).returning(Job.id)
        deleted = await session.scalars(old)
        logger.info("old jobs are deleted", rows=len(deleted.all()))


async def _locked(session: AsyncSession, job_id: UUID) -> Job | None:
    """Return the job unless it is finished or another worker is working on it."""
    statement = select(Job).where(Job.id == job_id, Job.finished_at.is_(None))
    return await session.scalar(statement.with_for_update(skip_locked=True))


async def _do_part(engine: AsyncEngine, job_id: UUID) -> bool:
    """Do the next part; return whether there is another one."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        job = await _locked(session, job_id)
        if not job:
            return False
        rest = select(JobPart).where(JobPart.job_id == job_id, JobPart.is_done.is_(False))
        part = await session.scalar(rest.order_by(JobPart.number).limit(1))
        if part:
            async with asyncio.timeout(LIMIT):
                part.result = await resolve_name(job.function).function(session, part.given)
            part.is_done = True
            job.position += 1
        job.failures = 0
        job.status = Status.running
        job.due_at = job.sent_at = now()
        if job.position >= job.total:
            job.status, job.finished_at = Status.done, now()
    if job.finished_at:
        logger.info("job is done", job=str(job_id), title=job.title, parts=job.total)
    return not job.finished_at


async def _count_failure(engine: AsyncEngine, job_id: UUID) -> None:
    """Leave the next attempt to the scheduler, or give up."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        job = await _locked(session, job_id)
        if not job:
            return
        job.failures += 1
        if job.failures < ATTEMPTS:
            delay = BACKOFF * 2 ** (job.failures - 1) * random.uniform(0.8, 1.2)  # noqa: S311
            job.due_at = now() + timedelta(seconds=delay)
        else:
            job.status, job.finished_at = Status.failed, now()
            logger.error("job failed", job=str(job_id), title=job.title, attempts=job.failures)


@contextmanager
def _context(job: Job) -> Iterator[None]:
    """Log and trace a job as part of the request that started it."""
    parent = propagate.extract({"traceparent": job.traceparent})
    with tracer.start_as_current_span(job.title, parent, SpanKind.CONSUMER) as span:
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        with bound_contextvars(request_id=job.request_id, trace_id=trace_id):
            yield
