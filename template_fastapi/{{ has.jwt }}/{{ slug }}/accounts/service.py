"""Accounts, logins and sessions, independent of HTTP."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Template

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.about import NAME
from ..core.database import constraints
from ..core.problems import InvalidError, NotFoundError, ServiceError
from ..scopes import SCOPES_OF_NEW_ACCOUNTS
from . import limits, passwords, tokens
from .models import Account, AccountSession, Code, RefreshToken, now

CODE_LIFETIME = timedelta(hours=1)
SESSION_LIFETIME = timedelta(days=30)
MAILS = {
    path.stem: Template(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent / "mails").glob("*.txt")
}
DUPLICATE = "An account with this address already exists."
logger = structlog.get_logger(__name__)


class GrantError(ServiceError):
    """A login or refresh that is refused."""


@dataclass(frozen=True)
class Mail:
    """A mail to send."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True)
class Grant:
    """The tokens of a session."""

    access_token: str
    refresh_token: str
    scopes: Sequence[str]


def write(name: str, to: str, code: str = "") -> Mail:
    """Fill in a mail of `mails/`, whose first line is the subject."""
    subject, _, body = MAILS[name].substitute(service=NAME, code=code).partition("\n")
    return Mail(to, subject, body.lstrip())


# Registration and passwords


async def register(session: AsyncSession, email: str) -> Mail:
    """Write to an address whose owner wants an account; the code in the mail verifies it."""
    known = await session.scalar(select(Account.id).where(Account.email == email))
    code = await make_code(session, email, creates_account=True)
    return write("known" if known else "register", email, code)


async def reset_password(session: AsyncSession, email: str) -> Mail | None:
    """Write to an address whose owner has forgotten the password, if it has an account."""
    known = await session.scalar(select(Account.id).where(Account.email == email))
    code = await make_code(session, email, creates_account=False)  # always, which takes as long
    return write("reset", email, code) if known else None


async def make_code(session: AsyncSession, email: str, *, creates_account: bool) -> str:
    """Make a code for an address, and forget those that have expired."""
    await session.execute(delete(Code).where(Code.expires_at < now()))
    code, digest = tokens.random_token()
    expiry = now() + CODE_LIFETIME
    session.add(
        Code(digest=digest, email=email, creates_account=creates_account, expires_at=expiry)
    )
    await session.flush()
    return code


async def set_password(session: AsyncSession, code: str, password: str) -> Mail | None:
    """Set the password of a code's address, and create its account if there is none.

    All sessions end. Return a mail to the owner of an account whose password has changed.
    """
    statement = delete(Code).where(Code.digest == tokens.digest(code), Code.expires_at > now())
    found = (await session.execute(statement.returning(Code.email, Code.creates_account))).first()
    account = await find(session, found.email) if found else None
    if found is None or not (account or found.creates_account):
        raise InvalidError("The code is wrong or has expired.")
    await session.execute(delete(Code).where(Code.email == found.email))
    await limits.forget(session, "login", found.email)
    if account is None:
        await create(session, found.email, password, SCOPES_OF_NEW_ACCOUNTS)
        return None
    return await change_password(session, account, password)


async def find(session: AsyncSession, email: str) -> Account | None:
    """Find the account of an address."""
    return await session.scalar(select(Account).where(Account.email == email))


async def create(
    session: AsyncSession, email: str, password: str, scopes: Iterable[str]
) -> Account:
    """Create an account for a verified address."""
    password_hash, granted = await passwords.make_hash(password), " ".join(sorted(set(scopes)))
    account = Account(email=email, password_hash=password_hash, scopes=granted)
    async with constraints(session, duplicate=DUPLICATE):
        session.add(account)
    return account


async def change_password(
    session: AsyncSession, account: Account, password: str, *, keep: int | None = None
) -> Mail:
    """Set another password, and end all sessions, except one to keep."""
    account.password_hash = await passwords.make_hash(password)
    await end_sessions(session, account.id, keep=keep)
    return write("changed", account.email)


# Changes that need the password again


async def confirm(session: AsyncSession, account_id: int, password: str, client: str) -> Account:
    """Return the caller's account if the password is right. Guesses count as attempts to log in."""
    account = await session.get_one(Account, account_id)
    await limits.count(session, "login", account.email, client)  # its commit frees the connection
    if not await passwords.verify(account.password_hash, password):
        raise InvalidError("The password is wrong.")
    await limits.forget(session, "login", account.email)
    return account


async def change_email(session: AsyncSession, account: Account, email: str) -> Mail | None:
    """Write to a new address of an account; the code in the mail confirms it.

    An address that has an account gets no mail, which the caller cannot notice.
    """
    if await find(session, email):
        return None
    code = tokens.sign_email(account.id, email, state_of(account), CODE_LIFETIME)
    return write("email", email, code)


async def confirm_email(session: AsyncSession, account_id: int, code: str) -> Mail:
    """Give an account the address that a code confirms. Return a mail to the former one."""
    account = await session.get_one(Account, account_id, with_for_update=True)
    email, former = tokens.verify_email(code, account.id, state_of(account)), account.email
    if email is None:
        raise InvalidError("The code is wrong or has expired.")
    async with constraints(session, duplicate=DUPLICATE):
        account.email = email
    await session.execute(delete(Code).where(Code.email.in_([email, former])))
    return write("moved", former)


def state_of(account: Account) -> str:
    """Return a text that another address or password changes, after which codes are worth nothing."""
    return tokens.digest(f"{account.email} {account.password_hash}")


async def delete_account(session: AsyncSession, account: Account) -> Mail:
    """Delete an account with its sessions."""
    await session.execute(delete(Code).where(Code.email == account.email))
    async with constraints(session, referenced="Other data belongs to this account."):
        await session.delete(account)
    return write("deleted", account.email)


# Logins


async def log_in(
    session: AsyncSession, email: str, password: str, *, scope: str, client: str, user_agent: str
) -> Grant:
    """Start a session, if the password is right."""
    await limits.count(session, "login", email, client)
    account = await find(session, email)
    password_hash = account.password_hash if account else None
    await session.commit()  # no connection waits for the hash
    correct = await passwords.verify(password_hash, password)
    if account is None or not correct or not account.is_active:
        raise GrantError("The email address or the password is wrong.")
    if passwords.is_outdated(account.password_hash):
        account.password_hash = await passwords.make_hash(password)
    await limits.forget(session, "login", email)
    expired = AccountSession.expires_at < now()
    await session.execute(
        delete(AccountSession).where(AccountSession.account_id == account.id, expired)
    )
    return await start(session, account, scope=scope, user_agent=user_agent)


async def start(
    session: AsyncSession, account: Account, *, scope: str = "", user_agent: str = ""
) -> Grant:
    """Start a session with the given scopes, or all of the account's; it never has others."""
    wanted = scope.split()
    scopes = [each for each in account.scopes.split() if each in wanted or not wanted]
    started = AccountSession(
        account_id=account.id,
        scopes=" ".join(scopes),
        user_agent=user_agent[:200],
        expires_at=now() + SESSION_LIFETIME,
    )
    session.add(started)
    await session.flush()
    return await grant(session, started, account)


async def refresh(session: AsyncSession, refresh_token: str) -> Grant:
    """Replace a refresh token. The second use of one ends its session: somebody has stolen it."""
    digest, moment = tokens.digest(refresh_token), now()
    unused = (RefreshToken.digest == digest) & RefreshToken.used_at.is_(None)
    statement = update(RefreshToken).where(unused).values(used_at=moment)
    session_id = await session.scalar(statement.returning(RefreshToken.session_id))
    if session_id is None:
        await end_stolen(session, digest)
        raise GrantError("The refresh token is wrong, was used before, or belongs to no session.")
    current = await session.get_one(AccountSession, session_id)
    account = await session.get_one(Account, current.account_id)
    if current.expires_at < moment or not account.is_active:
        raise GrantError("The session has expired.")
    current.used_at = moment
    return await grant(session, current, account)


async def end_stolen(session: AsyncSession, digest: str) -> None:
    """End the session of a token that was used before; it stays ended although the request fails."""
    statement = select(RefreshToken.session_id).where(RefreshToken.digest == digest)
    if session_id := await session.scalar(statement):
        statement_to_end = delete(AccountSession).where(AccountSession.id == session_id)
        account_id = await session.scalar(statement_to_end.returning(AccountSession.account_id))
        await session.commit()
        logger.warning("refresh token used twice; its session has ended", account=account_id)


async def grant(session: AsyncSession, current: AccountSession, account: Account) -> Grant:
    """Make the tokens of a session."""
    token, digest = tokens.random_token()
    session.add(RefreshToken(digest=digest, session_id=current.id))
    await session.flush()
    scopes = sorted(set(current.scopes.split()) & set(account.scopes.split()))
    return Grant(tokens.sign(account.id, current.id, scopes), token, scopes)


# Sessions


async def list_sessions(session: AsyncSession, account_id: int) -> Sequence[AccountSession]:
    """Return the sessions of an account, the last used ones first."""
    mine = (AccountSession.account_id == account_id) & (AccountSession.expires_at > now())
    statement = select(AccountSession).where(mine).order_by(AccountSession.used_at.desc())
    return (await session.scalars(statement.limit(100))).all()


async def end_session(session: AsyncSession, account_id: int, session_id: int) -> None:
    """End a session of an account: its tokens are worth nothing from now on."""
    mine = (AccountSession.account_id == account_id) & (AccountSession.id == session_id)
    statement = delete(AccountSession).where(mine).returning(AccountSession.id)
    if await session.scalar(statement) is None:
        raise NotFoundError("Session not found.")


async def end_sessions(session: AsyncSession, account_id: int, *, keep: int | None = None) -> None:
    """End all sessions of an account, except one to keep."""
    statement = delete(AccountSession).where(AccountSession.account_id == account_id)
    if keep is not None:
        statement = statement.where(AccountSession.id != keep)
    await session.execute(statement)


async def log_out(session: AsyncSession, refresh_token: str) -> None:
    """End the session of a refresh token, if there is one."""
    token = RefreshToken.digest == tokens.digest(refresh_token)
    found = select(RefreshToken.session_id).where(token).scalar_subquery()
    await session.execute(delete(AccountSession).where(AccountSession.id == found))
