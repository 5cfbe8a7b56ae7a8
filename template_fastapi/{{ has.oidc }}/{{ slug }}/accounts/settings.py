"""The variables of logins at an OpenID Connect provider."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationInfo, field_validator


class OidcSettings(BaseModel):
    """The provider, and this service's name there."""

    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_client_id: str = ""  # of the page with the API's documentation

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_is_an_address(cls, issuer: str, info: ValidationInfo) -> str:
        in_production = info.data.get("environment") == "production"
        if not issuer and not in_production:
            return issuer
        try:
            parts = urlsplit(issuer)
            usable = parts.hostname and parts.port != 0 and not (parts.query or parts.fragment)
        except ValueError:
            parts, usable = urlsplit(""), None
        if not usable or parts.scheme not in {"https", "" if in_production else "http"}:
            raise ValueError("must be the https:// URL that the provider's tokens have as `iss`")
        return issuer

    @field_validator("oidc_audience")
    @classmethod
    def _tokens_are_for_this_service(cls, audience: str, info: ValidationInfo) -> str:
        if not audience and (
            info.data.get("environment") == "production" or info.data.get("oidc_issuer")
        ):
            raise ValueError("must be the name of this service in its tokens: one value of `aud`")
        return audience
