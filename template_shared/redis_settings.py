# The password is percent-encoded.
FORM = re.compile(
    r"rediss?://([^/@\s]*@)?([^\s:/@\[\]]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?(/[0-9]*)?", re.IGNORECASE
)


class RedisSettings(BaseModel):
    """Production requires Redis. In development, a single process works without it."""

    redis_url: str = Field(default="", repr=False)  # a secret

    @field_validator("redis_url")
    @classmethod
    def _redis_is_reachable_by_url(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.data.get("environment") == "production":
            raise ValueError("required in production")
        if url and not FORM.fullmatch(url):
            raise ValueError("must have the form redis://:password@host:6379/0, or rediss:// (TLS)")
        return url
