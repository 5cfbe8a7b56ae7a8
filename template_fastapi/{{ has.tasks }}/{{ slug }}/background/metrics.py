"""Metrics of all jobs, from the database: they are the same for every queue, and survive restarts."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .models import Job, Status, now

RECENT = timedelta(hours=1)
TIMEOUT = 10  # seconds for the queries of a scrape


async def count(engine: AsyncEngine) -> dict[str, float]:
    """Return the values of the metrics."""
    moment = now()
    due = select(func.count(), func.coalesce(func.min(Job.due_at), moment))
    due = due.where(Job.finished_at.is_(None), Job.due_at <= moment)
    failed = select(func.count()).where(Job.finished_at >= moment - RECENT)
    failed = failed.where(Job.status == Status.failed)
    async with AsyncSession(engine) as session:
        number, oldest = (await session.execute(due)).one()
        return {
            "jobs_due": number,
            "jobs_oldest_seconds": (moment - oldest).total_seconds(),
            "jobs_failed": await session.scalar(failed) or 0,
        }


class JobCollector(Collector):
    """Counts jobs at each scrape. The scrape's thread waits for the event loop."""

    def __init__(self, engine: AsyncEngine, loop: asyncio.AbstractEventLoop) -> None:
        self.engine, self.loop = engine, loop

    def collect(self) -> Iterator[Metric]:
        counted = asyncio.run_coroutine_threadsafe(count(self.engine), self.loop).result(TIMEOUT)
        for name, text in (
            ("jobs_due", "Jobs that wait or run."),
            ("jobs_oldest_seconds", "The longest wait of a due job."),
            ("jobs_failed", "Jobs that failed within an hour."),
        ):
            yield GaugeMetricFamily(name, text, counted[name])


def serve(port: int, engine: AsyncEngine) -> None:
    """Serve the metrics for Prometheus, in threads."""
    registry = CollectorRegistry()
    registry.register(JobCollector(engine, asyncio.get_running_loop()))
    start_http_server(port, registry=registry)
