"""Environment variables of this service: one typed field per variable, with its name in lower case.

`python -m <package>.environment` checks the variables and exits.
"""

from pydantic import Field, ValidationInfo, field_validator

from .core.environment import CoreEnvironment, load

KEY_OF_DEVELOPMENT = "not-a-secret-anybody-can-read-this-key-in-the-repository"


class Environment(CoreEnvironment):
    """Add your own fields here; a default makes a variable optional."""

    secret_key: str = Field(default=KEY_OF_DEVELOPMENT, repr=False)
    static_root: str | None = Field(default=None, pattern="^/")  # directory of collectstatic

    @field_validator("secret_key")
    @classmethod
    def _key_is_a_secret(cls, key: str, info: ValidationInfo) -> str:
        is_weak = len(key) < 50 or len(set(key)) < 5 or key == KEY_OF_DEVELOPMENT
        if is_weak and info.data.get("environment") == "production":
            raise ValueError(
                "must have at least 50 random characters, such as those printed by "
                "`python -c 'import secrets; print(secrets.token_urlsafe(50))'`"
            )
        return key


environment = load(Environment)
