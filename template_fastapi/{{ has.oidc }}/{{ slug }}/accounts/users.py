"""The caller, as the provider's access token describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Security
from fastapi.requests import HTTPConnection
from fastapi.security import OpenIdConnect
from fastapi.security.utils import get_authorization_scheme_param

from ..environment import environment
from .provider import Provider

identity_provider = Provider(environment.oidc_issuer, environment.oidc_audience)
openid_connect = OpenIdConnect(
    openIdConnectUrl=identity_provider.configuration_url, auto_error=False
)


@dataclass(frozen=True)
class User:
    """The caller, and what this token permits."""

    id: str  # the claim `sub`: unique and permanent at this provider
    scopes: frozenset[str]
    claims: Mapping[str, Any]


def bearer(authorization: Annotated[str | None, Security(openid_connect)]) -> str | None:
    """Return the token in the request's header."""
    scheme, token = get_authorization_scheme_param(authorization)
    return token if scheme.lower() == "bearer" else None


async def find_user(_: HTTPConnection, token: str) -> User | None:
    """Return the caller of a token, if it is valid. The request may also be a WebSocket."""
    claims = await identity_provider.verify(token)
    return None if claims is None else User(claims["sub"], scopes_of(claims), claims)


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes: separated by spaces or a list, and called `scp` by some providers."""
    granted = claims.get("scope", claims.get("scp"))
    names = granted.split() if isinstance(granted, str) else granted
    return frozenset(map(str, names)) if isinstance(names, list) else frozenset()
