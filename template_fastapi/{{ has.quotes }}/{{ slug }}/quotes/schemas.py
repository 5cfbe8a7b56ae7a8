"""Answers of suppliers, and of the API."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field

Outcome = Literal["answered", "late", "failed", "skipped"]


class Offer(BaseModel):
    """A supplier's answer. Other fields are ignored; without these two, the call fails."""

    price: Decimal = Field(gt=0, max_digits=12, decimal_places=2, examples=["9.90"])
    available: int = Field(ge=0, le=10**9, examples=[3])


class QuoteRead(BaseModel):
    """A supplier's answer, or why there is none. Without the product, `offer` is null."""

    supplier: str = Field(examples=["alpha"])
    outcome: Outcome
    offer: Offer | None = None


class QuotesRead(BaseModel):
    """The body of a response: a quote for each supplier, in the order of QUOTE_SUPPLIERS."""

    product: str = Field(examples=["lamp"])
    quotes: list[QuoteRead]
