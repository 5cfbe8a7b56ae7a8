"""The caller and the caller's permissions: `CurrentUser`, and `requires("items:write")`.

@router.post("", dependencies=[requires("orders:write")])
@router.get("/mine")
async def list_mine(user: CurrentUser, session: Session) -> Page[OrderRead]: ...
"""

from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import SecurityScopes

from ..core.problems import ServiceError
from ..scopes import SCOPES
from .users import User, bearer, find_user

__all__ = ["CurrentUser", "ForbiddenError", "UnauthenticatedError", "User", "requires"]


class UnauthenticatedError(ServiceError):
    """No token, or none that is valid."""

    status = 401


class ForbiddenError(ServiceError):
    """The token does not permit this."""

    status = 403


async def current_user(
    request: Request, required: SecurityScopes, token: Annotated[str | None, Depends(bearer)]
) -> User:
    """Return the caller, if the token is valid and has the scopes."""
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


CurrentUser = Annotated[User, Security(current_user)]


def requires(*scopes: str) -> Any:
    """Return a dependency: the caller, whose token must have the scopes."""
    if unknown := set(scopes) - SCOPES.keys():
        raise ValueError(f"scopes.py does not list {', '.join(sorted(unknown))}")
    return Security(current_user, scopes=scopes)
