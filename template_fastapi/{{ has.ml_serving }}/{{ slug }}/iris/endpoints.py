"""The API of the model."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from ..model_server.predictor import Predictor
from . import service
from .schemas import Measurements, SpeciesRead

router = APIRouter(prefix="/api/v1/iris", tags=["iris"])

Version = Annotated[str | None, Query(description="A version; by default, one by chance.")]


def get_predictor(request: Request) -> Predictor:
    predictor: Predictor = request.state.iris
    return predictor


@router.post("/predictions")
async def predict_species(
    measurements: Measurements,
    predictor: Annotated[Predictor, Depends(get_predictor)],
    version: Version = None,
) -> SpeciesRead:
    """Name the species of an iris. Send it again after `Retry-After` if there are too many requests."""
    return await service.predict(predictor, measurements, version)
