"""Access tokens, which SECRET_KEY signs, and random ones, of which the database has only a digest."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt

from ..environment import environment

LIFETIME = timedelta(minutes=10)
ALGORITHM = "HS256"
ISSUER = __name__.partition(".")[0]
AUDIENCE = f"{ISSUER}-api"
EMAIL_AUDIENCE = f"{ISSUER}-email"  # so that a token is never accepted as a code, or vice versa
CLAIMS = ["iss", "aud", "sub", "sid", "scope", "iat", "exp", "jti"]


@dataclass(frozen=True)
class Claims:
    """The content of an access token."""

    account_id: int
    session_id: int
    scopes: frozenset[str]


def sign(account_id: int, session_id: int, scopes: Iterable[str]) -> str:
    """Make an access token."""
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(account_id),
        "sid": str(session_id),
        "scope": " ".join(sorted(scopes)),
        "iat": now,
        "exp": now + LIFETIME,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode(claims, environment.secret_key, ALGORITHM)


def verify(token: str) -> Claims | None:
    """Read an access token. Return None if it has expired, or is not this service's."""
    try:
        claims = jwt.decode(
            token,
            environment.secret_key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": CLAIMS},
        )
    except jwt.InvalidTokenError:
        return None
    scopes = frozenset(claims["scope"].split())
    return Claims(int(claims["sub"]), int(claims["sid"]), scopes)


def sign_email(account_id: int, email: str, state: str, lifetime: timedelta) -> str:
    """Make a code that confirms a new address of an account, as long as the account has this state."""
    claims = {
        "iss": ISSUER,
        "aud": EMAIL_AUDIENCE,
        "sub": str(account_id),
        "email": email,
        "state": state,
        "exp": datetime.now(UTC) + lifetime,
    }
    return jwt.encode(claims, environment.secret_key, ALGORITHM)


def verify_email(code: str, account_id: int, state: str) -> str | None:
    """Return the address that a code confirms. Return None if it is not for this account and state."""
    try:
        claims = jwt.decode(
            code,
            environment.secret_key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=EMAIL_AUDIENCE,
            subject=str(account_id),
            options={"require": ["iss", "aud", "sub", "email", "state", "exp"]},
        )
    except jwt.InvalidTokenError:
        return None
    return str(claims["email"]) if claims["state"] == state else None


def random_token() -> tuple[str, str]:
    """Make an opaque token. Return it and its digest."""
    token = secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> str:
    """Return what the database stores: nobody can guess 32 random bytes, so one hash is enough."""
    return sha256(token.encode()).hexdigest()
