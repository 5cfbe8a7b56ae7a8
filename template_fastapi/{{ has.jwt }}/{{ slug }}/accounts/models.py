from datetime import UTC, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base, BigId


def now() -> datetime:
    return datetime.now(UTC)


class Account(Base):
    """Somebody whose email address is verified. Columns of your own belong in a table of your own."""

    __tablename__ = "accounts"

    id: Mapped[BigId]
    email: Mapped[str] = mapped_column(String(254), unique=True)  # in lower case
    password_hash: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[str] = mapped_column(String(1000))  # separated by spaces
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class AccountSession(Base):
    """A login on one device. It ends if a refresh token is used that was replaced long ago."""

    __tablename__ = "account_sessions"
    # Otherwise the tokens of a deleted session could belong to the next one, with the same id.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[BigId]
    account_id: Mapped[int] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    scopes: Mapped[str] = mapped_column(String(1000))  # or "*": those that the account has
    user_agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class RefreshToken(Base):
    """A refresh token of a session: the first, the last that was used, and its successors."""

    __tablename__ = "account_refresh_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[int] = mapped_column(
        ForeignKey("account_sessions.id", ondelete="CASCADE"), index=True
    )
    used_at: Mapped[datetime | None]


class Code(Base):
    """A code that was sent to an address: its receiver may set a password."""

    __tablename__ = "account_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), index=True)
    creates_account: Mapped[bool]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Attempt(Base):
    """The number of attempts in a time window."""

    __tablename__ = "account_attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(index=True)
