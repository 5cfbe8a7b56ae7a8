"""The caller and the caller's permissions: `CurrentUser`, and `requires("items:write")`.

@router.post("", dependencies=[requires("orders:write")])
@router.get("/mine")
async def list_mine(user: CurrentUser, session: ReadSession) -> Page[OrderRead]: ...
"""

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.problems import ServiceError
from ..scopes import SCOPES
from . import tokens
from .models import Account, AccountSession, now

# Relative to the address of the schema, /api/openapi.json.
bearer = OAuth2PasswordBearer("token", refreshUrl="token", scopes=SCOPES, auto_error=False)


class UnauthenticatedError(ServiceError):
    """No token, or none that is valid."""

    status = 401


class ForbiddenError(ServiceError):
    """The token does not permit this."""

    status = 403


@dataclass(frozen=True)
class User:
    """The caller: an account, and what this token permits."""

    id: int
    email: str
    scopes: frozenset[str]
    session_id: int


async def current_user(
    request: Request, required: SecurityScopes, token: Annotated[str | None, Depends(bearer)]
) -> User:
    """Return the caller, if the token is valid, its session has not ended, and it has the scopes."""
    if token is None:
        raise UnauthenticatedError(headers={"WWW-Authenticate": "Bearer"})
    user = await find_user(request, token)
    if user is None:
        invalid = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise UnauthenticatedError("The token is not valid.", invalid)
    if missing := set(required.scopes) - user.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{required.scope_str}"'
        text = f"This requires the scope {', '.join(sorted(missing))}."
        raise ForbiddenError(text, {"WWW-Authenticate": challenge})
    structlog.contextvars.bind_contextvars(account=user.id)
    return user


async def find_user(request: Request, token: str) -> User | None:
    """Find the account and the session of a token."""
    if (claims := tokens.verify(token)) is None:
        return None
    statement = (
        select(Account.id, Account.email, Account.scopes)
        .join(AccountSession)
        .where(Account.id == claims.account_id, Account.is_active)
        .where(AccountSession.id == claims.session_id, AccountSession.expires_at > now())
    )
    # A session of its own, which ends here: no request waits for a second connection.
    async with AsyncSession(request.state.read_engine) as session:
        row = (await session.execute(statement)).first()
    if row is None:
        return None
    scopes = claims.scopes & set(row.scopes.split())
    return User(row.id, row.email, scopes, claims.session_id)


CurrentUser = Annotated[User, Security(current_user)]


def requires(*scopes: str) -> Any:
    """Return a dependency: the caller, whose token must have the scopes."""
    if unknown := set(scopes) - SCOPES.keys():
        raise ValueError(f"scopes.py does not list {', '.join(sorted(unknown))}")
    return Security(current_user, scopes=scopes)
