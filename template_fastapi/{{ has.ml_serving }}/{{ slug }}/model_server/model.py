"""A version of a model: an ONNX file, whose metadata describe its inputs."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-untyped]

from . import metrics

type Row = Sequence[float]

logger = structlog.get_logger(__name__)


class ModelError(Exception):
    """A model cannot be served."""


class Model:
    """A model in memory. It uses one core, and leaves the others to the event loop."""

    def __init__(self, name: str, path: Path, features: Sequence[str]) -> None:
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.name, self.version = name, path.stem
        described = self.session.get_modelmeta().custom_metadata_map
        self.ranges: dict[str, list[float]] = json.loads(described.get("ranges", "{}"))
        self.classes: list[str] = json.loads(described.get("classes", "[]"))
        self._check_signature(features)
        self.low, self.high = np.array(list(self.ranges.values()), np.float32).T
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        logger.info("model is loaded", model=name, model_version=self.version, sha256=digest)

    def _check_signature(self, features: Sequence[str]) -> None:
        """Check that the model expects the features that requests have."""
        if [*self.ranges] != [*features]:
            expected = ", ".join(self.ranges) or "features that its metadata do not name"
            raise ModelError(
                f"{self.name} {self.version} expects {expected}; requests have {', '.join(features)}"
            )
        inputs = [(each.type, each.shape[1:]) for each in self.session.get_inputs()]
        if inputs != [("tensor(float)", [len(features)])]:
            raise ModelError(f"{self.name} {self.version} must have one input of 32-bit floats")

    def warm_up(self, size: int) -> None:
        """Allocate the memory of the smallest and the largest batch, and check their results."""
        for rows in (1, size):
            output = self.run([self.low.tolist()] * rows)
            if np.ndim(output) != 2 or len(output) != rows or output.dtype.kind != "f":
                raise ModelError(
                    f"the last output of {self.name} {self.version} must be a row of floats for "
                    "each row of the input; skl2onnx needs the option zipmap=False for a classifier"
                )
            if self.classes and len(self.classes) != output.shape[1]:
                raise ModelError(
                    f"{self.name} {self.version} has {output.shape[1]} outputs; "
                    f"its metadata name {len(self.classes)} classes"
                )

    def predict(self, rows: Sequence[Row]) -> list[list[float]]:
        """Return the model's last output for each row: for a classifier, the probabilities."""
        result: list[list[float]] = self.run(rows).tolist()
        return result

    def run(self, rows: Sequence[Row]) -> Any:
        """Return the model's last output: an array, unless warm_up refuses the model."""
        (given,), output = self.session.get_inputs(), self.session.get_outputs()[-1]
        return self.session.run([output.name], {given.name: np.array(rows, np.float32)})[0]

    def count_unusual(self, rows: Sequence[Row]) -> None:
        """Count values that are outside the range of nearly all training data."""
        values = np.array(rows, np.float32)
        numbers = ((values < self.low) | (values > self.high)).sum(axis=0)
        for feature, number in zip(self.ranges, numbers, strict=True):
            metrics.UNUSUAL.labels(self.name, self.version, feature).inc(int(number))
