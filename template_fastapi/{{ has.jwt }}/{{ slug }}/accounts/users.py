"""The caller, as read from the database."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..scopes import SCOPES
from . import tokens
from .models import Account, AccountSession, now

# Relative to the address of the schema, /api/openapi.json.
bearer = OAuth2PasswordBearer("token", refreshUrl="token", scopes=SCOPES, auto_error=False)


@dataclass(frozen=True)
class User:
    """The caller: an account, and what this token permits."""

    id: int
    email: str
    scopes: frozenset[str]
    session_id: int


async def find_user(request: Request, token: str) -> User | None:
    """Find the account and the session of a token; the session must not have ended."""
    if (claims := tokens.verify(token)) is None:
        return None
    statement = (
        select(Account.id, Account.email, Account.scopes)
        .join(AccountSession)
        .where(Account.id == claims.account_id, Account.is_active)
        .where(AccountSession.id == claims.session_id, AccountSession.expires_at > now())
    )
    # A separate session, which ends here, so that no request holds two connections.
    async with AsyncSession(request.state.read_engine) as session:
        row = (await session.execute(statement)).first()
    if row is None:
        return None
    scopes = claims.scopes & set(row.scopes.split())
    return User(row.id, row.email, scopes, claims.session_id)
