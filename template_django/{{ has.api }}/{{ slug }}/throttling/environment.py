"""How many requests a caller may send."""

import re

from pydantic import BaseModel, field_validator

FORM = re.compile(r"[1-9][0-9]{0,3}/(s|min|hour|day)")


class ApiSettings(BaseModel):
    """Without a rate, the API has no limit for each caller."""

    api_rate: str = ""

    @field_validator("api_rate")
    @classmethod
    def _rate_has_a_period(cls, rate: str) -> str:
        if rate and not FORM.fullmatch(rate):
            raise ValueError("must have the form 600/min, or with s, hour or day, and at most 9999")
        return rate
