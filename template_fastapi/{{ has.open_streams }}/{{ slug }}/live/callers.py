"""The callers of connections: anyone, under any name."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from fastapi.requests import HTTPConnection
from pydantic import BaseModel, StringConstraints

CHECK = 3600  # seconds between two checks, which check nothing
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class Introduction(BaseModel):
    """The first message of a WebSocket, and later ones with a new name."""

    name: Name


@dataclass(frozen=True)
class Caller:
    """The caller of a connection."""

    name: str
    next_check: float = CHECK


async def identify(_: HTTPConnection, introduction: Introduction) -> Caller:
    """Return the caller."""
    return Caller(introduction.name)


async def caller_of_request(name: Annotated[Name, Query()]) -> Caller:
    """Return the caller of a request."""
    return Caller(name)


HttpCaller = Annotated[Caller, Depends(caller_of_request)]


async def check(_: HTTPConnection, __: Caller) -> None:
    """There is no login that could end."""
