"""The variables ADMIN_PATH, ADMIN_NETWORKS and ADMIN_IDLE_MINUTES."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, IPvAnyNetwork
from pydantic_settings import NoDecode


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _path(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9_-]+/)+", value):
        raise ValueError(
            "must have the form office/: letters, digits, - and _, with a slash at the end"
        )
    return value


class AdminSettings(BaseModel):
    """The admin's path, the networks that may use it, and when the sessions of idle staff end.

    Without networks, all clients may use it. 0 minutes disables the idle limit.
    """

    admin_path: Annotated[str, AfterValidator(_path)] = "admin/"
    admin_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)] = ()
    admin_idle_minutes: int = Field(default=60, ge=0, le=1440)
