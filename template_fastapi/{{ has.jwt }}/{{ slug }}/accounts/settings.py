"""The variables of accounts."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

FOR_DEVELOPMENT = "for-development-only-everybody-can-read-this-key-here"


class AccountsSettings(BaseModel):
    """The key that signs access tokens."""

    secret_key: str = Field(default=FOR_DEVELOPMENT, repr=False)

    @field_validator("secret_key")
    @classmethod
    def _key_is_secret(cls, key: str, info: ValidationInfo) -> str:
        if len(key) < 50 or len(set(key)) < 5:
            raise ValueError("must have 50 random characters or more")
        if key == FOR_DEVELOPMENT and info.data.get("environment") == "production":
            raise ValueError("in production, must have 50 random characters or more")
        return key
