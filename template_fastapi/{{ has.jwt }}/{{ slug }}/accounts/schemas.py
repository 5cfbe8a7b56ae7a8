"""Request and response bodies."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from ..schemas import Input, Text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


# Only an email can show whether an address exists.
Email = Annotated[
    str,
    StringConstraints(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    ),
    Field(examples=["ada@example.com"]),
    BeforeValidator(_lower),
]
Password = Annotated[
    Text,
    StringConstraints(min_length=12, max_length=128),
    Field(examples=["correct horse battery"]),
]

CurrentPassword = Annotated[Text, StringConstraints(min_length=1, max_length=128)]


class EmailInput(Input):
    """An email address, to which a code is sent."""

    email: Email


class PasswordInput(Input):
    """A new password, and the code from the mail."""

    code: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    password: Password


class PasswordChange(Input):
    """A new password, and the current one."""

    current: CurrentPassword
    password: Password


class EmailChange(Input):
    """A new email address, to which a code is sent, and the password."""

    email: Email
    password: CurrentPassword


class EmailConfirmation(Input):
    """The code from the mail to the new address."""

    code: Annotated[Text, StringConstraints(min_length=1, max_length=1000)]


class AccountDeletion(Input):
    """The password of the account to delete."""

    password: CurrentPassword


class TokenForm(BaseModel):
    """A token request of OAuth 2: a login, or a refresh."""

    grant_type: Literal["password", "refresh_token"]
    username: Annotated[Text, Field(max_length=254)] = ""  # the email address
    password: Annotated[Text, Field(max_length=128)] = ""
    scope: Annotated[Text, Field(max_length=1000)] = ""
    refresh_token: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        is_refresh = self.grant_type == "refresh_token"
        if not (self.refresh_token if is_refresh else self.username and self.password):
            wanted = "refresh_token" if is_refresh else "username and password"
            raise ValueError(f"{self.grant_type} needs {wanted}")
        return self


class RevocationForm(BaseModel):
    """A revocation request of OAuth 2."""

    token: Annotated[str, Field(min_length=1)]  # also one that cannot be valid


class TokenRead(BaseModel):
    """An access token, and the refresh token for the next one."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int
    refresh_token: str
    scope: str


class AccountRead(BaseModel):
    """The account of the caller."""

    id: int
    email: str
    scopes: list[str]


class SessionRead(BaseModel):
    """A login on one device."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
