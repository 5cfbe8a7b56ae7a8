"""Where Redis is."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationInfo, field_validator

# The password is percent-encoded.
FORM = re.compile(
    r"rediss?://([^/@\s]*@)?([^\s:/@\[\]]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?(/[0-9]*)?", re.IGNORECASE
)


class RedisSettings(BaseModel):
    """Production requires Redis. In development, the service also works without it."""

    redis_url: str = Field(default="", repr=False)  # a secret

    @field_validator("redis_url")
    @classmethod
    def _redis_is_reachable_by_url(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.data.get("environment") == "production":
            raise ValueError("required in production")
        if url and not FORM.fullmatch(url):
            raise ValueError("must have the form redis://:password@host:6379/0, or rediss:// (TLS)")
        return url

    @property
    def cache_url(self) -> str:
        """The neighbouring database, 0 and 1, 2 and 3, and so on: emptying the cache deletes no jobs."""
        parts = urlsplit(self.redis_url)
        return parts._replace(path=f"/{int(parts.path.strip('/') or 0) ^ 1}").geturl()
