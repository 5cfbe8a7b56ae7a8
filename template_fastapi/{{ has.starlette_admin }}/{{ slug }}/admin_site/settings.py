"""The variables ADMIN_PATH and ADMIN_NETWORKS."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, IPvAnyNetwork
from pydantic_settings import NoDecode


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class AdminSettings(BaseModel):
    """The admin's path, and the networks that may use it; if empty, all may."""

    admin_path: str = Field(default="admin/", pattern=r"^([A-Za-z0-9_-]+/)+$")
    admin_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)] = ()
