"""Versions of models, and limits for requests."""

import re

from pydantic import BaseModel, Field, field_validator


class ModelSettings(BaseModel):
    model_traffic: str = "1=90,2=10"  # versions, and their shares of the requests
    model_batch_size: int = Field(default=32, ge=1, le=1024)  # requests that are computed at once
    model_queue_size: int = Field(default=128, ge=1, le=100_000)  # requests that wait, per version
    model_timeout: float = Field(default=1, gt=0, le=20)  # seconds until a request gets a 503

    @field_validator("model_traffic")
    @classmethod
    def _shares_are_numbers(cls, text: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*=\d{1,6}(,\w[\w.-]*=\d{1,6})*", text):
            raise ValueError("must be versions and shares such as 1=90,2=10")
        shares = shares_of(text)
        if len(shares) < text.count("=") or not any(shares.values()):
            raise ValueError("must name each version once, and give at least one a share")
        return text


def shares_of(text: str) -> dict[str, int]:
    """Return the share of each version."""
    return {name: int(share) for name, _, share in (e.partition("=") for e in text.split(","))}
