"""Business logic for jobs, independent of HTTP."""

from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ..background.models import Job, JobPart
from ..core.problems import NotFoundError
from ..pagination import PageRequest, Rows, fetch_page
from .jobs import HEADINGS

PARTS = 20  # read at once


async def list_jobs(session: AsyncSession, owner: str, wanted: PageRequest) -> Rows[Job]:
    """Return the requested page of an owner's jobs, newest first."""
    statement = select(Job).where(Job.owner == owner)
    return await fetch_page(session, statement, wanted, Job.created_at, Job.id, descending=True)


async def get_job(session: AsyncSession, owner: str, job_id: UUID) -> Job:
    """Find an owner's job."""
    job = await session.scalar(select(Job).where(Job.id == job_id, Job.owner == owner))
    if job is None:
        raise NotFoundError("Job not found.")
    return job


async def lines(engine: AsyncEngine, job: Job) -> AsyncIterator[str]:
    """Yield the results of a job one at a time."""
    yield HEADINGS.get(job.title, "")
    for first in range(0, job.total, PARTS):
        async with AsyncSession(engine) as session:  # a slow client holds no connection
            statement = select(JobPart.result).where(JobPart.job_id == job.id)
            statement = statement.where(JobPart.number.between(first, first + PARTS - 1))
            results = (await session.scalars(statement.order_by(JobPart.number))).all()
        for result in results:
            yield result
