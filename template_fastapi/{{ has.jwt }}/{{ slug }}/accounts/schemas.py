"""Request and response bodies."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
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


ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"


def _address(value: str) -> str:
    if not re.fullmatch(ADDRESS, value):
        raise ValueError("must be an email address, such as ada@example.com")
    return value


# Only an email can show whether an address exists.
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    Field(examples=["ada@example.com"], json_schema_extra={"pattern": f"^{ADDRESS}$"}),
    BeforeValidator(_lower),
    AfterValidator(_address),
]
Password = Annotated[
    Text,
    StringConstraints(min_length=12, max_length=128),
    Field(examples=["correct horse battery"]),
]

CurrentPassword = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=128),
    Field(examples=["correct horse battery"]),
]

Time = Annotated[datetime, Field(examples=["2026-01-02T03:04:05Z"])]


class EmailInput(Input):
    """An email address, to which a code is sent."""

    email: Email


class PasswordInput(Input):
    """A new password, and the code from the mail."""

    code: Annotated[Text, StringConstraints(min_length=1, max_length=100)] = Field(
        examples=["kZ3vQ0cZ2l3m9Qe1"]
    )
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

    code: Annotated[Text, StringConstraints(min_length=1, max_length=1000)] = Field(
        examples=["kZ3vQ0cZ2l3m9Qe1"]
    )


class AccountDeletion(Input):
    """The password of the account to delete."""

    password: CurrentPassword


class TokenForm(BaseModel):
    """A token request of OAuth 2: a login, or a refresh."""

    grant_type: Literal["password", "refresh_token"]
    # The email address.
    username: Annotated[Text, Field(max_length=254, examples=["ada@example.com"])] = ""
    password: Annotated[Text, Field(max_length=128, examples=["correct horse battery"])] = ""
    scope: Annotated[Text, Field(max_length=1000, examples=["items:write"])] = ""
    refresh_token: str = Field(default="", examples=["kZ3vQ0cZ2l3m9Qe1kZ3vQ0cZ2l3m9Qe1"])

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        is_refresh = self.grant_type == "refresh_token"
        if not (self.refresh_token if is_refresh else self.username and self.password):
            wanted = "refresh_token" if is_refresh else "username and password"
            raise ValueError(f"{self.grant_type} needs {wanted}")
        return self


class RevocationForm(BaseModel):
    """A revocation request of OAuth 2."""

    # Any text: revoking an invalid token is no error.
    token: Annotated[str, Field(min_length=1, examples=["kZ3vQ0cZ2l3m9Qe1kZ3vQ0cZ2l3m9Qe1"])]


class TokenRead(BaseModel):
    """An access token, and the refresh token for the next one."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(examples=[600])
    refresh_token: str = Field(examples=["kZ3vQ0cZ2l3m9Qe1kZ3vQ0cZ2l3m9Qe1"])
    scope: str = Field(examples=["items:write"])


class AccountRead(BaseModel):
    """The account of the caller."""

    id: int = Field(examples=[1])
    email: str = Field(examples=["ada@example.com"])
    scopes: list[str] = Field(examples=[["items:write"]])


class SessionRead(BaseModel):
    """A login on one device."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1])
    user_agent: str = Field(examples=["Mozilla/5.0"])
    created_at: Time
    used_at: Time
    expires_at: Time
