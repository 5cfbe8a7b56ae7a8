"""Start jobs in requests: `job = await start(import_deliveries, parts, owner)`."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Request

from ..core.database import Session
from . import queue
from .jobs import JobFunction
from .models import Job


class Starter:
    """Adds jobs in the request's transaction, and sends them after the response."""

    def __init__(self, request: Request, session: Session, background: BackgroundTasks) -> None:
        self.engine, self.session, self.background = request.state.engine, session, background

    async def __call__(self, function: JobFunction, parts: Iterable[Any], owner: str = "") -> Job:
        """Add a job with a part for each input."""
        job = await function.add(self.session, parts, owner)
        self.background.add_task(queue.send, self.engine, job.id)
        return job


Start = Annotated[Starter, Depends()]
