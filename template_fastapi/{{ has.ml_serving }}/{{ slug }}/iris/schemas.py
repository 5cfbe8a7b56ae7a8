"""Requests to the model, and its responses."""

from typing import Annotated

from pydantic import BaseModel, Field

from ..schemas import Input

Centimetres = Annotated[float, Field(gt=0, le=100, strict=True)]  # strict: neither "1" nor true


class Measurements(Input):
    """The features of the model, in its order."""

    sepal_length: Centimetres = Field(examples=[6.1])
    sepal_width: Centimetres = Field(examples=[2.8])
    petal_length: Centimetres = Field(examples=[4.7])
    petal_width: Centimetres = Field(examples=[1.2])


class ModelRead(BaseModel):
    """The model that answered."""

    name: str = Field(examples=["iris"])
    version: str = Field(examples=["1"])


class SpeciesRead(BaseModel):
    """The most probable species."""

    species: str = Field(examples=["versicolor"])
    probability: float = Field(examples=[0.97])
    model: ModelRead
