"""Environment variables of this service: one typed field per variable, with its name in lower case.

`python -m <package>.environment` checks the variables and exits.
"""

import re

from pydantic import field_validator

from .core.environment import CommaSeparated, CoreEnvironment, load


class Environment(CoreEnvironment):
    """Add your own fields here; a default makes a variable optional."""

    cors_origins: CommaSeparated = ()  # pages of these origins may call the API

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_named(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@*\sA-Z]+", each) for each in origins):
            raise ValueError("must be origins such as https://app.example.com, without a path or *")
        return origins


environment = load(Environment)
