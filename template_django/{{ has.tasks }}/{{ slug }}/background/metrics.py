"""Metrics of all jobs, from the database: they are the same for every queue, and survive restarts."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .models import Job

RECENT = timedelta(hours=1)


class JobCollector(Collector):
    """Count jobs at each scrape."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        due = Q(finished_at=None, due_at__lte=now)
        try:
            unfinished = Job.objects.filter(finished_at=None).aggregate(
                number=Count("pk", filter=due), oldest=Min("due_at", filter=due)
            )
            since = Q(finished_at__gte=now - RECENT)
            failed = Job.objects.filter(since, status=Job.Status.FAILED).count()
        finally:
            connection.close()
        age = (now - unfinished["oldest"]).total_seconds() if unfinished["oldest"] else 0
        yield GaugeMetricFamily("jobs_due", "Jobs that wait or run.", unfinished["number"])
        yield GaugeMetricFamily("jobs_oldest_seconds", "The longest wait of a due job.", age)
        yield GaugeMetricFamily("jobs_failed", "Jobs that failed within an hour.", failed)


def serve(port: int) -> None:
    """Serve the metrics for Prometheus, in threads."""
    registry = CollectorRegistry()
    registry.register(JobCollector())
    start_http_server(port, registry=registry)
