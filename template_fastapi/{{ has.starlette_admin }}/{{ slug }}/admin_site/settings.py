"""The variables ADMIN_PATH and ADMIN_NETWORKS."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, IPvAnyNetwork
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
    """The admin's path, and the networks that may use it; if empty, all may."""

    admin_path: Annotated[str, AfterValidator(_path)] = "admin/"
    admin_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)] = ()
