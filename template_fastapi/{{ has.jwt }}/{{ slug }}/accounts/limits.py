"""Limits on guesses, counted in the database for all workers. Correct passwords do not count."""

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from ..core.problems import ServiceError
from . import expiry
from .models import Attempt, now
from .tokens import digest

WINDOW = timedelta(minutes=15)
PER_CLIENT = 100  # attempts by one client, across all email addresses
PER_CLIENT_AND_ADDRESS = 10  # attempts by one client for one email address
PER_ADDRESS = 100  # attempts for one email address, across all clients


class TooManyAttemptsError(ServiceError):
    """The limit is reached."""

    status = 429


async def count(session: AsyncSession, action: str, email: str, client: str) -> None:
    """Count an attempt, even if the request fails later, and refuse it above a limit.

    Refused attempts do not count, so a single client cannot exhaust the limit of an address.
    """
    for key, most in (
        (client_key(action, client), PER_CLIENT),
        (pair_key(action, email, client), PER_CLIENT_AND_ADDRESS),
        (address_key(action, email), PER_ADDRESS),
    ):
        attempts, started_at = await add(session, key)
        await session.commit()
        if attempts > most:
            left = started_at + WINDOW - now()
            wait = {"Retry-After": str(max(ceil(left.total_seconds()), 1))}
            raise TooManyAttemptsError("Too many attempts. Try again later.", wait)


async def add(session: AsyncSession, key: str) -> tuple[int, datetime]:
    """Add one, atomically, and return the number of attempts in this window and its start."""
    is_sqlite, moment = session.get_bind().dialect.name == "sqlite", now()
    is_over = Attempt.started_at < moment - WINDOW
    renewed = {
        "count": case((is_over, 1), else_=Attempt.count + 1),
        "started_at": case((is_over, moment), else_=Attempt.started_at),
    }
    values = {"key": key, "count": 1, "started_at": moment}
    insert = (sqlite if is_sqlite else postgresql).insert(Attempt).values(values)
    statement = insert.on_conflict_do_update(index_elements=[Attempt.key], set_=renewed)
    returned = await session.execute(statement.returning(Attempt.count, Attempt.started_at))
    attempts, started_at = returned.one()
    return attempts, started_at


async def give_back(session: AsyncSession, action: str, email: str, client: str) -> None:
    """Undo `count` after a correct password: many users on one network may log in."""
    await forget(session, action, email, client)
    mine = (Attempt.key == client_key(action, client)) & (Attempt.count > 0)
    await session.execute(update(Attempt).where(mine).values(count=Attempt.count - 1))


async def forget(session: AsyncSession, action: str, email: str, client: str) -> None:
    """Forget the attempts with an address, and some that no longer count."""
    keys, oldest = (pair_key(action, email, client), address_key(action, email)), now() - WINDOW
    await session.execute(delete(Attempt).where(Attempt.key.in_(keys)))
    await expiry.remove(session, Attempt.key, Attempt.started_at < oldest)


def client_key(action: str, client: str) -> str:
    return digest(f"{action} client {network_of(client)}")


def pair_key(action: str, email: str, client: str) -> str:
    return digest(f"{action} client {network_of(client)} address {email}")


def address_key(action: str, email: str) -> str:
    return digest(f"{action} address {email}")


def network_of(client: str) -> str:
    """Return the network of a client. An IPv6 network counts as one: it has many addresses."""
    try:
        address = ip_address(client)
        address = getattr(address, "ipv4_mapped", None) or address  # of a server that listens on ::
        return str(ip_network((str(address), 64 if address.version == 6 else 32), strict=False))
    except ValueError:
        return client  # no IP address, but the name of a socket
