"""The model of irises, independent of HTTP."""

from pathlib import Path

from ..environment import environment
from ..model_server.predictor import Predictor
from .schemas import Measurements, ModelRead, SpeciesRead

NAME = "iris"
DIRECTORY = Path(__file__).parent / "models"
FEATURES = tuple(Measurements.model_fields)


def create_predictor() -> Predictor:
    """Load the versions of the model."""
    return Predictor(NAME, DIRECTORY, FEATURES, environment)


async def predict(
    predictor: Predictor, measurements: Measurements, version: str | None = None
) -> SpeciesRead:
    """Return the most probable species."""
    prediction = await predictor.predict(measurements.model_dump(), version)
    model, probability = prediction.model, max(prediction.output)
    return SpeciesRead(
        species=model.classes[prediction.output.index(probability)],
        probability=probability,
        model=ModelRead(name=model.name, version=model.version),
    )
