"""The functions that the scheduler calls, and their intervals in seconds: docs/jobs.md."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from .background import jobs, queue

SCHEDULE: dict[Callable[[AsyncEngine], Awaitable[None]], float] = {
    queue.resend: 5,
    jobs.delete_old: 24 * 60 * 60,
}
