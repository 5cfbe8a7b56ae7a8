"""Call the functions in the package's schedule.py regularly, and serve metrics about jobs.

Each function is also called at startup, so it must be safe to call at any time.
`python -m <package>.background.schedule`
"""

import asyncio
import contextlib
import logging.config
import signal
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ..core import database, operations, tracing
from ..core.logging import configure_structlog, logging_config
from ..environment import environment
from ..schedule import SCHEDULE
from . import metrics, queue

logger = structlog.get_logger(__name__)


async def main() -> None:
    """Run until SIGTERM."""
    logging.config.dictConfig(logging_config(environment.log_level))
    configure_structlog()
    tracing.configure(__name__.partition(".")[0], environment.otel_exporter_otlp_endpoint)
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    engine = database.create_engine(environment.database_url, len(SCHEDULE) + 1)
    metrics.serve(environment.scheduler_port, engine)
    async with asyncio.TaskGroup() as group:
        group.create_task(stop.wait())  # an empty schedule does not end the metrics
        for function, seconds in SCHEDULE.items():
            group.create_task(repeat(function, seconds, engine, stop))
    await queue.broker.shutdown()
    await engine.dispose()
    operations.shutdown()


async def repeat(
    function: Callable[[AsyncEngine], Awaitable[None]],
    seconds: float,
    engine: AsyncEngine,
    stop: asyncio.Event,
) -> None:
    """Call a function repeatedly, also after a failure."""
    while not stop.is_set():
        try:
            await function(engine)
        except Exception:
            logger.exception("scheduled function failed", function=function.__qualname__)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
