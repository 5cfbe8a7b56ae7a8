"""Requests that arrive at about the same time are computed together."""

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from time import perf_counter

import structlog

from ..core.problems import ServiceError
from . import metrics
from .model import Model, ModelError, Row

WINDOW = 0.002  # seconds for which the first request of a batch waits for others

logger = structlog.get_logger(__name__)


class OverloadedError(ServiceError):
    """There are more requests than the model can compute in time."""

    status = 503


@dataclass(frozen=True, eq=False)
class Waiting:
    """A request that waits for its result."""

    row: Row
    result: asyncio.Future[list[float]]
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())


class Batcher:
    """Collects the requests to a model, and computes them outside the event loop."""

    def __init__(
        self, model: Model, executor: Executor, size: int, limit: int, timeout: float
    ) -> None:
        self.model, self.executor, self.size, self.timeout = model, executor, size, timeout
        self.queue = asyncio.Queue[Waiting](limit)
        self.labels = (model.name, model.version)
        self.waiting = metrics.WAITING.labels(*self.labels)
        for outcome in metrics.OUTCOMES:
            metrics.REQUESTS.labels(*self.labels, outcome)  # so that it starts at 0

    async def predict(self, row: Row) -> list[float]:
        """Return the output for a row. Raises OverloadedError if it would take too long."""
        waiting = Waiting(row, asyncio.get_running_loop().create_future())
        outcome = "failed"
        try:
            self.queue.put_nowait(waiting)
            self.waiting.set(self.queue.qsize())
            async with asyncio.timeout(self.timeout):
                output = await waiting.result
            if not all(map(math.isfinite, output)):
                raise ModelError(f"{self.model.name} {self.model.version} returned no number")
            outcome = "ok"
        except asyncio.QueueFull:
            outcome = "full"
            raise OverloadedError("Too many requests are waiting.", {"Retry-After": "1"}) from None
        except TimeoutError:  # this cancels the result, so the row is no longer computed
            outcome = "late"
            raise OverloadedError("The prediction took too long.", {"Retry-After": "1"}) from None
        finally:
            metrics.REQUESTS.labels(*self.labels, outcome).inc()
        return output

    async def run(self) -> None:
        """Compute batches until the task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._next()
            self.waiting.set(self.queue.qsize())
            rows = [each.row for each in batch]
            try:
                outputs = await loop.run_in_executor(self.executor, self._compute, rows)
                results = [*zip(batch, outputs, strict=True)]
            except Exception as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
            else:
                for each, output in results:
                    if not each.result.done():
                        each.result.set_result(output)

    async def _next(self) -> list[Waiting]:
        """Wait for the next batch. Requests that have timed out are left out."""
        batch: list[Waiting] = []
        while not batch:
            first = await self.queue.get()
            until = first.since + WINDOW
            batch = [first]
            try:
                async with asyncio.timeout_at(until):
                    while len(batch) < self.size:
                        batch.append(await self.queue.get())
            except TimeoutError:
                pass
            batch = [each for each in batch if not each.result.done()]
        return batch

    def _compute(self, rows: Sequence[Row]) -> list[list[float]]:
        """Runs in a thread. ONNX Runtime releases the GIL meanwhile."""
        started = perf_counter()
        outputs = self.model.predict(rows)
        metrics.BATCH_SECONDS.labels(*self.labels).observe(perf_counter() - started)
        metrics.BATCH_SIZE.labels(*self.labels).observe(len(rows))
        self.model.count_unusual(rows)
        return outputs
