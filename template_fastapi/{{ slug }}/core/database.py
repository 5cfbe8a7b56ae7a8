"""The connection to the database, and what models and endpoints build on."""

import importlib
import pkgutil
import select
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends
from fastapi.requests import HTTPConnection
from psycopg import AsyncConnection
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

from .timeouts import CONNECT, POOL_WAIT


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always with its time zone, also on SQLite, which stores none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What every model derives from."""

    # Named constraints, so that a migration can drop what another one made.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012


# SQLite counts up only a primary key that is an INTEGER.
BigId = Annotated[
    int,
    mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
]


def create_engine(url: str, pool_size: int = 1) -> AsyncEngine:
    """Prepare up to `pool_size` connections to `url`, which names SQLite or PostgreSQL."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = create_async_engine(
            address.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,  # errors are logged, and clients' data is not
        )
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
        return engine
    engine = create_async_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT,
            "prepare_threshold": None,  # prepared statements do not survive a transaction pooler
        },
    )
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    return engine


def refuse_closed(
    _: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    """Let a request have a new connection in place of one that the database has closed meanwhile.

    Such as by a restart. Nobody has asked an idle connection anything, so that there is something to
    read only if it has ended; to look costs no round trip.
    """
    connection = cast("AsyncConnection", entry.driver_connection)
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
    if connection.closed or poll.poll(0):
        raise DisconnectionError


def enforce_foreign_keys(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """SQLite checks foreign keys only where it is asked to, connection by connection."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


async def ping(engine: AsyncEngine) -> None:
    """Ask the database for an answer, or fail."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Give a request its transaction: committed when its endpoint returns, undone when it raises."""
    sessions: async_sessionmaker[AsyncSession] = connection.app.state.sessions
    async with sessions.begin() as session:
        yield session


# By default, the commit would come after the response, and its failure after a "201 Created".
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]


def violates_unique(error: IntegrityError) -> bool:
    """Whether the database refused a value because another row has it."""
    return (
        getattr(error.orig, "sqlstate", "") == "23505"
        or getattr(error.orig, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_UNIQUE"
    )


def load_models() -> MetaData:
    """Import every module called `models` in this package and return the tables that they declare."""
    package = importlib.import_module(__package__.rpartition(".")[0])
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    return Base.metadata
