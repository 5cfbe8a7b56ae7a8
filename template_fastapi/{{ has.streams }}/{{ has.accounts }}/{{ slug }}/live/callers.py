"""Callers, identified by their tokens. A connection ends when its token is no longer valid."""

from dataclasses import dataclass, field
from time import time
from typing import Annotated

import jwt
import structlog
from fastapi import Depends
from fastapi.requests import HTTPConnection
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..accounts.dependencies import CurrentUser
from ..accounts.users import User, bearer, find_user
from ..core.problems import ServiceError
from .hub import EndedError, Reason

CHECK = 30  # seconds between two checks that the token is still valid
logger = structlog.get_logger(__name__)


class Introduction(BaseModel):
    """The first message of a WebSocket, and later ones with a new token."""

    token: str


@dataclass(frozen=True)
class Caller:
    """The caller of a connection."""

    name: str
    scopes: frozenset[str]
    token: str = field(repr=False)
    expires_at: float

    @property
    def next_check(self) -> float:
        """Seconds until the next check."""
        return max(0.0, min(CHECK, self.expires_at - time()))


async def identify(connection: HTTPConnection, introduction: Introduction) -> Caller:
    """Return the caller. Raises EndedError if the token is not valid."""
    user = await find_user(connection, introduction.token)
    if user is None:
        raise EndedError(Reason.REFUSED)
    return caller_of(user, introduction.token)


def caller_of(user: User, token: str) -> Caller:
    """Return the caller of a valid token."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return Caller(str(user.id), user.scopes, token, claims["exp"])


async def caller_of_request(user: CurrentUser, token: Annotated[str, Depends(bearer)]) -> Caller:
    """Return the caller of a request with a token in its header."""
    return caller_of(user, token)


HttpCaller = Annotated[Caller, Depends(caller_of_request)]


async def check(connection: HTTPConnection, caller: Caller) -> None:
    """Raise EndedError if the token has expired, or its session has ended."""
    if caller.expires_at <= time():
        raise EndedError(Reason.EXPIRED)
    try:
        user = await find_user(connection, caller.token)
    except (DBAPIError, PoolTimeoutError, ServiceError):
        logger.warning("a token was not checked", exc_info=True)
        return  # the next check may succeed, and the token expires soon
    if user is None:
        raise EndedError(Reason.EXPIRED)
