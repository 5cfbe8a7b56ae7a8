"""The OpenID Connect provider, whose keys sign the access tokens."""

import asyncio
from time import monotonic
from typing import Any

import httpx2
import jwt
import structlog

from ..core.problems import ServiceError

# Only asymmetric ones: with the others, the key that checks a token can also sign one.
ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
CLAIMS = ["iss", "aud", "sub", "exp"]
# All in seconds.
LEEWAY = 10  # the clocks may differ so much
TIMEOUT = 5  # for the configuration and the keys together
LIFETIME = 600  # then the keys are fetched again
INTERVAL = 10  # at least, between two attempts to fetch them

logger = structlog.get_logger(__name__)


class ProviderUnavailableError(ServiceError):
    """The key of a token is not known, and the provider does not respond."""

    status = 503


class Provider:
    """A provider. Its keys are fetched when a token needs one, and remain valid while it is down."""

    def __init__(self, issuer: str, audience: str) -> None:
        self.issuer, self.audience = issuer, audience
        self.configuration_url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        self.keys: dict[str | None, jwt.PyJWK] = {}
        self.is_available = True
        self.fresh_until = self.next_attempt = 0.0
        self.lock = asyncio.Lock()

    async def verify(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an access token for this service, or None if it is not valid."""
        if not self.issuer:
            logger.warning("no token is valid, because OIDC_ISSUER is not set")
            return None
        try:
            key = await self.find_key(jwt.get_unverified_header(token).get("kid"))
            return None if key is None else self.decode(token, key)
        except jwt.PyJWTError:
            return None

    def decode(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        """Return the claims of a token with a valid signature."""
        return jwt.decode(
            token,
            key,  # which also says the algorithm
            ALGORITHMS,
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY,
            options={"require": CLAIMS},
        )

    async def find_key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return a key. An unknown or old one is fetched, which only one request waits for if it is old."""
        is_old = monotonic() > self.fresh_until and not self.lock.locked()
        if is_old or key_id not in self.keys:
            await self.refresh()
        if key_id not in self.keys and not self.is_available:
            raise ProviderUnavailableError(headers={"Retry-After": str(INTERVAL)})
        return self.keys.get(key_id)

    async def refresh(self) -> None:
        """Fetch the keys, but not soon after the last attempt: tokens with made-up keys cost nothing."""
        async with self.lock:
            if monotonic() < self.next_attempt:
                return
            self.next_attempt, self.is_available = monotonic() + INTERVAL, False
            try:
                self.keys = await self.fetch_keys()
            except Exception:
                logger.exception("identity provider unavailable", issuer=self.issuer)
            else:
                self.fresh_until, self.is_available = monotonic() + LIFETIME, True

    async def fetch_keys(self) -> dict[str | None, jwt.PyJWK]:
        """Fetch the configuration and the keys that it names."""
        async with asyncio.timeout(TIMEOUT), httpx2.AsyncClient() as client:
            response = await client.get(self.configuration_url)
            configuration = response.raise_for_status().json()
            if configuration["issuer"] != self.issuer:
                raise ValueError(f"OIDC_ISSUER must be {configuration['issuer']}")
            address = configuration["jwks_uri"]
            if self.issuer.startswith("https:") and not address.startswith("https:"):
                raise ValueError(f"the keys are not fetched without encryption, from {address}")
            response = await client.get(address)
            keys = jwt.PyJWKSet.from_dict(response.raise_for_status().json())
        return {key.key_id: key for key in keys if key.public_key_use != "enc"}
