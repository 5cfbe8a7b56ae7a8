"""Where Redis is."""

from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationInfo, field_validator


class RedisSettings(BaseModel):
    """Production requires Redis. In development, the service also works without it."""

    redis_url: str = Field(default="", repr=False)  # a secret

    @field_validator("redis_url")
    @classmethod
    def _redis_is_reachable_by_url(cls, url: str, info: ValidationInfo) -> str:
        if not url:
            if info.data.get("environment") == "production":
                raise ValueError("required in production")
            return url
        try:
            parts = urlsplit(url)
            is_complete = bool(parts.hostname and (parts.port or True))
        except ValueError:
            is_complete = False
        path = parts.path.strip("/") if is_complete else ""
        if not is_complete or parts.scheme not in ("redis", "rediss") or not (path or "0").isdigit():
            raise ValueError("must have the form redis://:password@host:6379/0, or rediss:// for TLS")
        return url
