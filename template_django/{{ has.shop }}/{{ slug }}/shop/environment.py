"""The variable PAYMENT_WEBHOOK_SECRET."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

OF_DEVELOPMENT = "not-a-secret-anybody-can-sign-payments-with-this"


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class ShopSettings(BaseModel):
    """The payment provider's signing secret, or two during rotation."""

    payment_webhook_secret: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(OF_DEVELOPMENT,), repr=False
    )

    @field_validator("payment_webhook_secret")
    @classmethod
    def _only_the_provider_can_sign(
        cls, secrets: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        is_weak = not secrets or any(len(each) < 32 or len(set(each)) < 5 for each in secrets)
        is_known = OF_DEVELOPMENT in secrets and info.data.get("environment") == "production"
        if is_weak or is_known:
            raise ValueError(
                "must be the signing secret of your payment provider's webhook, with at least "
                "32 characters; during rotation, the new and the old one, separated by a comma"
            )
        return secrets
