"""The versions of a model in this process, side by side."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from ..core.problems import InvalidError
from .batches import Batcher
from .model import Model, ModelError
from .settings import ModelSettings, shares_of

LARGEST = float(np.finfo(np.float32).max)  # a larger number would become infinity


@dataclass(frozen=True)
class Prediction:
    """A model's output for one request."""

    output: list[float]
    model: Model


class Predictor:
    """Loads the versions in MODEL_TRAFFIC, and chooses one for each request."""

    def __init__(
        self, name: str, directory: Path, features: Sequence[str], settings: ModelSettings
    ) -> None:
        self.features = features
        self.shares = shares_of(settings.model_traffic)
        self.executor = ThreadPoolExecutor(1, name)  # one thread for all versions
        self.batchers: dict[str, Batcher] = {}
        self.tasks: list[asyncio.Task[None]] = []
        for version in self.shares:
            path = directory / f"{version}.onnx"
            if not path.is_file():
                there = ", ".join(sorted(each.stem for each in directory.glob("*.onnx")))
                raise ModelError(f"MODEL_TRAFFIC names {name} {version}; there are only {there}")
            model = Model(name, path, features)
            model.warm_up(settings.model_batch_size)
            self.batchers[version] = Batcher(
                model,
                self.executor,
                size=settings.model_batch_size,
                limit=settings.model_queue_size,
                timeout=settings.model_timeout,
            )

    def start(self) -> None:
        """Start to compute."""
        self.tasks = [asyncio.create_task(batcher.run()) for batcher in self.batchers.values()]

    async def stop(self) -> None:
        """Stop after the last request."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.executor.shutdown(wait=False)

    def choose(self, version: str | None = None) -> str:
        """Return the version for a request: the one that it names, or a random one."""
        if version is None:
            return random.choices([*self.shares], [*self.shares.values()])[0]  # noqa: S311
        if version not in self.batchers:
            raise InvalidError(f"There is no such version. There are: {', '.join(self.batchers)}.")
        return version

    async def predict(self, values: Mapping[str, float], version: str | None = None) -> Prediction:
        """Compute the output for one request. The request's log line names the version."""
        batcher = self.batchers[self.choose(version)]
        model = batcher.model
        structlog.contextvars.bind_contextvars(model=model.name, model_version=model.version)
        row = [values[feature] for feature in self.features]
        for feature, value in zip(self.features, row, strict=True):
            if not abs(value) <= LARGEST:  # as if it is NaN
                raise InvalidError(f"{feature} does not fit into a 32-bit float.")
        output = await batcher.predict(row)
        return Prediction(output, model)
