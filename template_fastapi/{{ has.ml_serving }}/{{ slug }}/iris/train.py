"""Train the versions of the model, and write their files: `poe train`.

Commit the files: the image then has exactly the models that were tested. Other processors may
compute slightly different ones.
"""

import json
from pathlib import Path

import numpy as np
import structlog
from onnx import ModelProto, helper
from skl2onnx import to_onnx  # type: ignore[import-untyped]
from sklearn.datasets import load_iris  # type: ignore[import-untyped]
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from .service import DIRECTORY, FEATURES

logger = structlog.get_logger(__name__)


def train() -> dict[str, tuple[ModelProto, float]]:
    """Return each version, and its accuracy on unseen flowers."""
    iris = load_iris()
    data = iris.data.astype(np.float32), iris.target
    known, unseen, known_species, unseen_species = train_test_split(
        *data, test_size=0.3, stratify=iris.target, random_state=0
    )
    low, high = np.percentile(known, [1, 99], axis=0).round(3).tolist()
    described = {
        "classes": json.dumps(iris.target_names.tolist()),
        "ranges": json.dumps(dict(zip(FEATURES, zip(low, high, strict=True), strict=True))),
    }
    found = {}
    for version, estimator in {
        "1": LogisticRegression(),
        "2": RandomForestClassifier(20, max_depth=4, random_state=0),
    }.items():
        fitted = make_pipeline(StandardScaler(), estimator).fit(known, known_species)
        model = to_onnx(fitted, known[:1], options={"zipmap": False})
        helper.set_model_props(model, described)
        found[version] = model, fitted.score(unseen, unseen_species)
    return found


def main(directory: Path = DIRECTORY) -> None:
    """Write the files."""
    for version, (model, accuracy) in train().items():
        path = directory / f"{version}.onnx"
        path.write_bytes(model.SerializeToString())
        logger.info("model is written", path=str(path), accuracy=round(accuracy, 3))


if __name__ == "__main__":
    main()
