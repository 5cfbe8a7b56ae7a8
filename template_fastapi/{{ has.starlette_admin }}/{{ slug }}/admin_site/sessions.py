"""Sessions of administrators: rows of AccountSession, so they end with the account's other sessions.

The cookie names a row, and SECRET_KEY signs it. Each request reads the row, the account and its scopes.
"""

from dataclasses import dataclass
from datetime import timedelta

import jwt
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..accounts.models import Account, AccountSession, now
from ..accounts.tokens import ALGORITHM, ISSUER
from ..environment import environment

SCOPE = "admin"
KIND = "admin-session"  # in place of scopes, so that an API session is never accepted here
LIFETIME = timedelta(hours=8)
AUDIENCE = f"{ISSUER}-admin"  # so that a token is never accepted as a cookie, or vice versa
# Browsers accept this prefix only if the cookie is secure, and not from a subdomain.
COOKIE = "__Host-admin" if environment.environment == "production" else "admin"


@dataclass(frozen=True)
class Administrator:
    """The account that uses the admin."""

    id: int
    email: str
    session_id: int


async def start(session: AsyncSession, account: Account, user_agent: str) -> str:
    """Start a session, and return its cookie."""
    started = AccountSession(
        account_id=account.id,
        scopes=KIND,
        user_agent=user_agent[:200],
        expires_at=now() + LIFETIME,
    )
    session.add(started)
    await session.flush()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(account.id),
        "sid": str(started.id),
        "exp": started.expires_at,
    }
    return jwt.encode(claims, environment.secret_key, ALGORITHM)


async def find(session: AsyncSession, cookie: str) -> Administrator | None:
    """Return the administrator to whom the cookie belongs, unless the session has ended."""
    try:
        claims = jwt.decode(
            cookie,
            environment.secret_key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["iss", "aud", "sub", "sid", "exp"]},
        )
    except jwt.InvalidTokenError:
        return None
    statement = (
        select(Account.id, Account.email, Account.scopes, AccountSession.id.label("session_id"))
        .join(AccountSession)
        .where(Account.id == int(claims["sub"]), Account.is_active)
        .where(AccountSession.id == int(claims["sid"]), AccountSession.expires_at > now())
        .where(AccountSession.scopes == KIND)
    )
    row = (await session.execute(statement)).first()
    if row is None or SCOPE not in row.scopes.split():
        return None
    return Administrator(row.id, row.email, row.session_id)


async def end(session: AsyncSession, administrator: Administrator) -> None:
    """End a session: its cookie is no longer valid."""
    mine = AccountSession.id == administrator.session_id
    await session.execute(delete(AccountSession).where(mine))
