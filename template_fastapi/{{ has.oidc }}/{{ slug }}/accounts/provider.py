"""The OpenID Connect provider, whose keys sign the access tokens."""

import asyncio
from time import monotonic
from typing import Any

import httpx2
import jwt
import structlog

from ..core.problems import ServiceError

# Only asymmetric ones: with the others, the key that checks a token can also sign one.
RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALGORITHMS = [*RSA, "ES256", "ES384", "ES512", "EdDSA"]
CLAIMS = ["iss", "aud", "sub", "exp"]
# All in seconds.
LEEWAY = 10  # the clocks may differ so much
TIMEOUT = 5  # for the configuration and the keys together
LIFETIME = 600  # then the keys are fetched again
INTERVAL = 10  # at least, between two attempts to fetch them

type Name = tuple[str | None, str]  # of a key: its id, and its algorithm
logger = structlog.get_logger(__name__)


class ProviderUnavailableError(ServiceError):
    """The key of a token is not known, and the provider does not respond."""

    status = 503


class Provider:
    """A provider. Its keys are fetched when a token needs one, and remain valid while it is down."""

    def __init__(self, issuer: str, audience: str) -> None:
        self.issuer, self.audience = issuer, audience
        self.configuration_url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        self.keys: dict[Name, jwt.PyJWK] = {}
        self.is_available = True
        self.fresh_until = self.next_attempt = 0.0
        self.lock = asyncio.Lock()

    async def verify(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an access token for this service, or None if it is not valid."""
        if not self.issuer:
            logger.warning("no token is valid, because OIDC_ISSUER is not set")
            return None
        try:
            header = jwt.get_unverified_header(token)
            if key := await self.find_key((header.get("kid"), str(header.get("alg")))):
                return self.decode(token, key)
            reason = "The provider has no such key"
        except jwt.PyJWTError as error:
            reason = str(error)
        logger.info("token refused", reason=reason)
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

    async def find_key(self, name: Name) -> jwt.PyJWK | None:
        """Return a key. An unknown or old one is fetched, which only one request waits for if it is old."""
        is_old = monotonic() > self.fresh_until and not self.lock.locked()
        if is_old or name not in self.keys:
            await self.refresh()
        if name not in self.keys and not self.is_available:
            raise ProviderUnavailableError(headers={"Retry-After": str(INTERVAL)})
        return self.keys.get(name)

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

    async def fetch_keys(self) -> dict[Name, jwt.PyJWK]:
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
            found = response.raise_for_status().json()["keys"]
        # An RSA key that names no algorithm is for all of them.
        named = [
            {"alg": algorithm, **key}
            for key in found
            for algorithm in (RSA if key.get("kty") == "RSA" else [None])
        ]
        usable = jwt.PyJWKSet.from_dict({"keys": named})
        keys = [key for key in usable if key.public_key_use != "enc"]
        known = {(key.key_id, key.algorithm_name): key for key in keys}
        if len({key.key_id for key in keys}) == 1:  # a token need not name the only key
            known |= {(None, key.algorithm_name): key for key in keys}
        return known
