"""The queue: Django's tasks, in the database."""

from datetime import timedelta

from django.tasks import task
from django.utils import timezone


@task
def run_job(job_id: str) -> None:
    """Work on a job."""
    from .jobs import run  # it imports this module

    run(job_id)


def send(job_id: str, delay: float = 0) -> None:
    """Send a job to a worker, which runs it after `delay` seconds."""
    later = run_job
    if delay and run_job.get_backend().supports_defer:
        later = run_job.using(run_after=timezone.now() + timedelta(seconds=delay))
    later.enqueue(job_id)
