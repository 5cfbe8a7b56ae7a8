"""The queue: Taskiq on a Redis stream. `taskiq worker <package>.background.queue:broker`.

A message contains only a job's id. The table of jobs is the outbox: `resend` replaces messages that
are lost.
"""

import asyncio
import logging.config
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from redis import DriverInfo, exceptions
from redis.asyncio import Redis
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from taskiq import AckableMessage, TaskiqError, TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

from ..core import database, operations, tracing
from ..core.logging import configure_structlog, logging_config
from ..environment import environment
from . import jobs
from .models import Job, now

STALE = timedelta(minutes=3)  # after which a job gets another message, if no worker seems to run it
TIMEOUT = 5  # seconds to send a message
BEAT = 10  # seconds between two heartbeats

logger = structlog.get_logger(__name__)


class Broker(RedisStreamBroker):
    """While Redis is down, a worker waits for it instead of interrupting its jobs."""

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while True:
            try:
                async with aclosing(super().listen()) as messages:
                    async for message in messages:
                        yield message
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                logger.warning("Redis does not respond", reason=str(error))
                await asyncio.sleep(1)
            except exceptions.ResponseError as error:
                logger.warning("Redis has no messages for workers", reason=str(error))
                await asyncio.sleep(1)
                await self.restore()

    async def restore(self) -> None:
        """Create the group of workers again, if Redis has lost its data."""
        stream, group = self.queue_name, self.consumer_group_name
        async with Redis(connection_pool=self.connection_pool) as redis:
            with suppress(exceptions.RedisError):  # the group exists, or Redis is down again
                await redis.xgroup_create(stream, group, id=self.consumer_id, mkstream=True)


broker = Broker(
    environment.redis_url or "redis://localhost",  # not used without REDIS_URL
    queue_name=f"{__name__.partition('.')[0]}:jobs",
    consumer_group_name="workers",
    consumer_id="0",  # include messages sent before the first worker started
    xread_count=1,  # leave the next ones to other workers
    maxlen=10_000,  # Redis also keeps finished messages
    max_connection_pool_size=20,
    driver_info=DriverInfo(),  # once: otherwise each connection reads the version from a file
    socket_connect_timeout=2,
    socket_timeout=10,  # longer than the two seconds for which a worker waits for messages
)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    """Set up a worker as main.py sets up the API."""
    if not environment.redis_url:
        sys.exit("REDIS_URL: workers need it; without it, the API's process runs the jobs")
    logging.config.dictConfig(logging_config(environment.log_level))
    configure_structlog()
    tracing.configure(__name__.partition(".")[0], environment.otel_exporter_otlp_endpoint)
    state.engine = database.create_engine(environment.database_url, environment.database_pool_size)
    state.heart = asyncio.create_task(beat())


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    """Close what `start` opened."""
    if state.get("engine"):
        state.heart.cancel()
        await state.engine.dispose()
        operations.shutdown()


async def beat() -> None:
    """Touch the file in WORKER_HEARTBEAT while the worker can get jobs."""
    while environment.worker_heartbeat:
        try:
            async with Redis(connection_pool=broker.connection_pool) as redis:
                await redis.ping()
            await asyncio.to_thread(Path(environment.worker_heartbeat).touch)
        except (exceptions.RedisError, OSError) as error:
            logger.warning("no heartbeat", reason=str(error))
        await asyncio.sleep(BEAT)


@broker.task(task_name="run_job")
async def run_job(job_id: str) -> None:
    """Work on a job for a while; then let others run."""
    engine: AsyncEngine = broker.state.engine
    if await jobs.run(engine, UUID(job_id)):
        await send(engine, UUID(job_id))


async def send(engine: AsyncEngine, job_id: UUID) -> bool:
    """Send a job to a worker. Without REDIS_URL, in development, run it here."""
    if not environment.redis_url:
        while await jobs.run(engine, job_id):
            pass
        return True
    try:
        async with asyncio.timeout(TIMEOUT):
            await run_job.kiq(str(job_id))
    except (TaskiqError, TimeoutError):
        logger.exception("job was not sent; the scheduler will send it", job=str(job_id))
        return False
    return True


async def resend(engine: AsyncEngine, stale: timedelta = STALE) -> None:
    """Send jobs that are due again after a failure, or whose message or worker seems to be lost."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        is_due = Job.sent_at < Job.due_at
        lost = Job.sent_at <= now() - stale
        statement = select(Job).where(Job.finished_at.is_(None), Job.due_at <= now())
        statement = statement.where(or_(is_due, lost)).order_by(Job.due_at).limit(1000)
        found = (await session.scalars(statement.with_for_update(skip_locked=True))).all()
        for job in found:
            logger.warning("job is sent again", job=str(job.id), title=job.title)
            job.sent_at = now()
    for job in found:
        if not await send(engine, job.id):
            break  # Redis is down: the next call sends the rest
