"""Accounts, logins and sessions, independent of HTTP.

Transactions lock an account first, then its sessions, then their tokens: in another order, two of
them could wait for each other. `key_share` lets other tables' rows refer to a locked account meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Template

import structlog
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.about import NAME
from ..core.database import constraints
from ..core.problems import InvalidError, NotFoundError, ServiceError
from ..scopes import SCOPES_OF_NEW_ACCOUNTS
from . import expiry, limits, passwords, tokens
from .models import Account, AccountSession, Attempt, Code, RefreshToken, now

CODE_LIFETIME = timedelta(hours=1)
SESSION_LIFETIME = timedelta(days=30)
REUSE = timedelta(seconds=20)  # the response may be lost, so a token can be reused briefly
ALL = "*"  # instead of scopes: a session with those that its account has
MAILS = {
    path.stem: Template(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent / "mails").glob("*.txt")
}
DUPLICATE = "An account with this address already exists."
WRONG_CODE = "The code is wrong or has expired."
logger = structlog.get_logger(__name__)


class GrantError(ServiceError):
    """A login or refresh that is refused."""


class WrongPasswordError(InvalidError):
    """The password is wrong, or has been changed."""


@dataclass(frozen=True)
class Proof:
    """The hash that a password matched. The account may have a different one by now."""

    account_id: int
    password_hash: str


@dataclass(frozen=True)
class Mail:
    """An email to send."""

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
    """Fill in an email of `mails/`, whose first line is the subject."""
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
    code = await make_code(session, email, creates_account=False)  # always, to take equally long
    return write("reset", email, code) if known else None


async def make_code(session: AsyncSession, email: str, *, creates_account: bool) -> str:
    """Make a code for an address, and forget some of those that have expired."""
    await expiry.remove(session, Code.digest, Code.expires_at < now())
    code, digest = tokens.random_token()
    end = now() + CODE_LIFETIME
    session.add(Code(digest=digest, email=email, creates_account=creates_account, expires_at=end))
    await session.flush()
    return code


async def set_password(session: AsyncSession, code: str, password: str, client: str) -> Mail | None:
    """Set the password of a code's address, and create its account if there is none.

    All sessions end. Return an email to the owner of an account whose password has changed.
    """
    digest, moment = tokens.digest(code), now()
    valid = (Code.digest == digest) & (Code.expires_at > moment)
    email = await session.scalar(select(Code.email).where(valid))
    await session.commit()  # no connection waits for the hash
    if email is None:
        raise InvalidError(WRONG_CODE)
    password_hash = await passwords.make_hash(password)
    account = await find(session, email)
    used = delete(Code).where(Code.email == email, Code.expires_at > moment)
    rows = await session.execute(used.returning(Code.digest, Code.creates_account))
    creates_account = {row.digest: row.creates_account for row in rows}.get(digest)
    if creates_account is None or not (account or creates_account):
        raise InvalidError(WRONG_CODE)
    mail = None
    if account is None:
        await add(session, email, password_hash, SCOPES_OF_NEW_ACCOUNTS)
    else:
        mail = await replace_password(session, account, password_hash)
    await limits.forget(session, "login", email, client)
    return mail


async def find(session: AsyncSession, email: str) -> Account | None:
    """Find the account of an address, and lock it until the transaction ends."""
    statement = select(Account).where(Account.email == email)
    return await session.scalar(statement.with_for_update(key_share=True))


async def create(
    session: AsyncSession, email: str, password: str, scopes: Iterable[str]
) -> Account:
    """Create an account for a verified address."""
    return await add(session, email, await passwords.make_hash(password), scopes)


async def add(
    session: AsyncSession, email: str, password_hash: str, scopes: Iterable[str]
) -> Account:
    """Add an account."""
    granted = " ".join(sorted(set(scopes)))
    account = Account(email=email, password_hash=password_hash, scopes=granted)
    async with constraints(session, duplicate=DUPLICATE):
        session.add(account)
    return account


async def replace_password(
    session: AsyncSession, account: Account, password_hash: str, *, keep: int | None = None
) -> Mail:
    """Change the password. All codes and sessions end, except one session to keep."""
    account.password_hash = password_hash
    await end_sessions(session, account.id, keep=keep)
    await session.execute(delete(Code).where(Code.email == account.email))
    return write("changed", account.email)


async def disable(session: AsyncSession, account: Account) -> None:
    """Refuse logins, and end all sessions and codes."""
    account.is_active = False
    await end_sessions(session, account.id)
    await session.execute(delete(Code).where(Code.email == account.email))


# Changes that need the password again


async def verify(session: AsyncSession, which: ColumnElement[bool], password: str) -> Proof:
    """Check the password of an account."""
    found = select(Account.id, Account.password_hash).where(which)
    account = (await session.execute(found)).first()
    await session.commit()  # no connection waits for the hash
    correct = await passwords.verify(account.password_hash if account else None, password)
    if account is None or not correct:
        raise WrongPasswordError("The password is wrong.")
    return Proof(account.id, account.password_hash)


async def lock(session: AsyncSession, proof: Proof, *, deletes: bool = False) -> Account:
    """Lock an account, unless its password has changed since the check, or it is disabled.

    Unless it `deletes`, other transactions can add rows that refer to the account meanwhile.
    """
    unchanged = (Account.id == proof.account_id) & (Account.password_hash == proof.password_hash)
    statement = select(Account).where(unchanged, Account.is_active)
    if account := await session.scalar(statement.with_for_update(key_share=not deletes)):
        return account
    raise WrongPasswordError("The password is wrong.")


async def confirm(session: AsyncSession, account_id: int, password: str, client: str) -> Proof:
    """Check the caller's password again. Guesses count as attempts to log in."""
    mine = Account.id == account_id
    email = await session.scalar(select(Account.email).where(mine)) or ""
    await limits.count(session, "login", email, client)
    proof = await verify(session, mine, password)
    await limits.give_back(session, "login", email, client)
    await session.commit()
    return proof


async def change_password(
    session: AsyncSession, proof: Proof, password: str, *, keep: int | None = None
) -> Mail:
    """Set another password, and end all sessions, except one to keep."""
    password_hash = await passwords.make_hash(password)
    return await replace_password(session, await lock(session, proof), password_hash, keep=keep)


async def change_email(session: AsyncSession, proof: Proof, email: str) -> Mail | None:
    """Write to a new address of an account; the code in the mail confirms it.

    An address that already has an account gets no mail, and the caller cannot tell.
    """
    account = await lock(session, proof)
    if await session.scalar(select(Account.id).where(Account.email == email)):
        return None
    code = tokens.sign_email(account.id, email, state_of(account), CODE_LIFETIME)
    return write("email", email, code)


async def confirm_email(session: AsyncSession, account_id: int, code: str) -> Mail:
    """Set the address that a code confirms. Return an email to the old one."""
    account = await session.get_one(Account, account_id, with_for_update={"key_share": True})
    email, former = tokens.verify_email(code, account.id, state_of(account)), account.email
    if email is None:
        raise InvalidError(WRONG_CODE)
    async with constraints(session, duplicate=DUPLICATE):
        account.email = email
    await session.execute(delete(Code).where(Code.email.in_([email, former])))
    return write("moved", former)


def state_of(account: Account) -> str:
    """Return a text that changes with the address or password, which makes earlier codes invalid."""
    return tokens.digest(f"{account.email} {account.password_hash}")


async def delete_account(session: AsyncSession, proof: Proof) -> Mail:
    """Delete an account with its sessions."""
    account = await lock(session, proof, deletes=True)
    await session.execute(delete(Code).where(Code.email == account.email))
    async with constraints(session, referenced="Other data belongs to this account."):
        await session.delete(account)
    return write("deleted", account.email)


# Logins


async def log_in(
    session: AsyncSession, email: str, password: str, *, scope: str, client: str, user_agent: str
) -> Grant:
    """Start a session, if the password is correct."""
    account = await authenticate(session, email, password, client=client)
    return await start(session, account, scope=scope, user_agent=user_agent)


async def authenticate(session: AsyncSession, email: str, password: str, *, client: str) -> Account:
    """Find and lock the account of an address, if the password is correct. Guesses are limited."""
    await limits.count(session, "login", email, client)
    try:
        proof = await verify(session, Account.email == email, password)
        is_outdated = passwords.is_outdated(proof.password_hash)
        rehashed = await passwords.make_hash(password) if is_outdated else proof.password_hash
        account = await lock(session, proof)
    except WrongPasswordError as error:
        raise GrantError("The email address or the password is wrong.") from error
    account.password_hash = rehashed
    await limits.give_back(session, "login", email, client)
    expired = (AccountSession.account_id == account.id) & (AccountSession.expires_at < now())
    await expiry.remove(session, AccountSession.id, expired)
    return account


async def start(
    session: AsyncSession, account: Account, *, scope: str = "", user_agent: str = ""
) -> Grant:
    """Start a session with the given scopes of the account, or all that it has at each refresh."""
    wanted = scope.split()
    scopes = [each for each in account.scopes.split() if each in wanted]
    started = AccountSession(
        account_id=account.id,
        scopes=" ".join(scopes) if wanted else ALL,
        user_agent=user_agent[:200],
        expires_at=now() + SESSION_LIFETIME,
    )
    session.add(started)
    await session.flush()
    return await grant(session, started, account)


async def refresh(session: AsyncSession, refresh_token: str) -> Grant:
    """Replace a refresh token. Using a replaced one ends its session: it may have been stolen.

    The one that was used last works again for a moment, in case the client did not get the response.
    """
    digest, moment = tokens.digest(refresh_token), now()
    found = select(AccountSession).join(RefreshToken).where(RefreshToken.digest == digest)
    current = await session.scalar(found.with_for_update(of=AccountSession))
    if current is None:
        raise GrantError("The refresh token is wrong, or its session has ended.")
    mine = RefreshToken.session_id == current.id
    exchanged = select(RefreshToken.used_at).where(RefreshToken.digest == digest)
    used_at = await session.scalar(exchanged)
    if used_at is None:
        # Includes tokens issued to a repetition: only the last exchange can be repeated.
        unused = update(RefreshToken).where(mine, RefreshToken.used_at.is_(None))
        await session.execute(unused.values(used_at=moment))
    elif used_at < moment - REUSE or used_at != await session.scalar(
        select(func.max(RefreshToken.used_at)).where(mine)
    ):
        await session.delete(current)
        await session.commit()  # the session stays ended although the request fails
        logger.warning(
            "refresh token used twice; its session has ended", account=current.account_id
        )
        raise GrantError("The refresh token was used before. Its session has ended.")
    account = await session.get_one(Account, current.account_id)
    if current.expires_at < moment or not account.is_active:
        raise GrantError("The session has expired.")
    current.used_at = moment
    return await grant(session, current, account)


async def grant(session: AsyncSession, current: AccountSession, account: Account) -> Grant:
    """Make the tokens of a session."""
    token, digest = tokens.random_token()
    session.add(RefreshToken(digest=digest, session_id=current.id))
    await session.flush()
    held = set(account.scopes.split())
    scopes = sorted(held if current.scopes == ALL else held & set(current.scopes.split()))
    return Grant(tokens.sign(account.id, current.id, scopes), token, scopes)


# Sessions


async def list_sessions(session: AsyncSession, account_id: int) -> Sequence[AccountSession]:
    """Return the sessions of an account, most recently used first."""
    mine = (AccountSession.account_id == account_id) & (AccountSession.expires_at > now())
    statement = select(AccountSession).where(mine).order_by(AccountSession.used_at.desc())
    return (await session.scalars(statement.limit(100))).all()


async def end_session(session: AsyncSession, account_id: int, session_id: int) -> None:
    """End a session of an account. Its tokens are no longer valid."""
    mine = (AccountSession.account_id == account_id) & (AccountSession.id == session_id)
    statement = delete(AccountSession).where(mine).returning(AccountSession.id)
    if await session.scalar(statement) is None:
        raise NotFoundError("Session not found.")


async def end_sessions(session: AsyncSession, account_id: int, *, keep: int | None = None) -> None:
    """End all sessions of an account, except one to keep."""
    locked = select(Account.id).where(Account.id == account_id)
    await session.execute(locked.with_for_update(key_share=True))
    statement = delete(AccountSession).where(AccountSession.account_id == account_id)
    if keep is not None:
        statement = statement.where(AccountSession.id != keep)
    await session.execute(statement)


async def log_out(session: AsyncSession, refresh_token: str) -> None:
    """End the session of a refresh token, if there is one."""
    token = RefreshToken.digest == tokens.digest(refresh_token)
    found = select(RefreshToken.session_id).where(token).scalar_subquery()
    await session.execute(delete(AccountSession).where(AccountSession.id == found))


# Maintenance


async def grant_to_all(session: AsyncSession, scopes: Iterable[str]) -> None:
    """Grant scopes to all accounts, a few in each transaction. Sessions follow at their refresh."""
    last = 0
    while True:
        some = select(Account).where(Account.id > last).order_by(Account.id).limit(expiry.AT_ONCE)
        accounts = (await session.scalars(some.with_for_update(key_share=True))).all()
        if not accounts:
            return
        for account in accounts:
            account.scopes = " ".join(sorted({*account.scopes.split(), *scopes}))
        last = accounts[-1].id
        await session.commit()


async def clean(session: AsyncSession) -> None:
    """Delete all sessions, codes and attempts that have expired, a few in each transaction."""
    moment = now()
    for key, expired in (
        (AccountSession.id, AccountSession.expires_at < moment),
        (Code.digest, Code.expires_at < moment),
        (Attempt.key, Attempt.started_at < moment - limits.WINDOW),
    ):
        while await expiry.remove(session, key, expired):
            await session.commit()
