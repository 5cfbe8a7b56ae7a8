"""The queue: Celery, through Redis."""

from .celery import app


@app.task
def run_job(job_id: str) -> None:
    """Work on a job."""
    from .jobs import run  # it imports this module

    run(job_id)


def send(job_id: str, delay: float = 0) -> None:
    """Send a job to a worker, which runs it after `delay` seconds."""
    run_job.apply_async((job_id,), countdown=delay, retry=False)
