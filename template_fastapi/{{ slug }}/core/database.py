"""The connection to the database, and what models and endpoints build on."""

import importlib
import pkgutil
import select
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from logging import WARNING, getLogger
from typing import Annotated, Any, cast

from fastapi import Depends
from fastapi.requests import HTTPConnection
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    event,
    make_url,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, SessionTransaction, mapped_column
from sqlalchemy.orm import Session as SyncSession
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

from . import tracing
from .pool import Pool
from .timeouts import CONNECT, POOL_WAIT


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always with its time zone, also on SQLite, which stores none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Leave to PostgreSQL what it does by itself: see `count_in_utc`."""
        if dialect.name == "postgresql":
            return None
        return super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


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


getLogger(f"{__name__}.MeteredPool").setLevel(WARNING)  # where SQLAlchemy's own pools stand as well


class MeteredPool(AsyncAdaptedQueuePool):
    """A pool that knows how many are waiting for one of its connections."""

    waiting = 0

    def connect(self) -> PoolProxiedConnection:
        """Get a connection."""
        self.waiting += 1
        try:
            return super().connect()
        finally:
            self.waiting -= 1


def pool_of(engine: AsyncEngine) -> Pool:
    """Measure the state of an engine's connections."""
    pool = cast("MeteredPool", engine.pool)
    return Pool(pool.checkedin(), pool.checkedout(), pool.size(), pool.waiting)


def create_engine(url: str, pool_size: int = 1, *, autocommit: bool = False) -> AsyncEngine:
    """Prepare up to `pool_size` connections to `url`, which names SQLite or PostgreSQL.

    With `autocommit`, a session has a transaction on PostgreSQL only if it is a `WritingSession`: to
    begin and end one costs time, and most requests read. With SQLite, whoever reads has none anyway.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = create_async_engine(
            address.set(drivername="sqlite+aiosqlite"),
            poolclass=MeteredPool,
            hide_parameters=True,  # errors are logged, and clients' data is not
        )
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
        return engine
    engine = create_async_engine(
        address.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT" if autocommit else None,
        poolclass=MeteredPool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT,
            "prepare_threshold": None,  # prepared statements do not survive a transaction pooler
        },
    )
    event.listen(engine.sync_engine, "connect", count_in_utc)
    event.listen(engine.sync_engine, "checkout", refuse_closed)
    event.listen(engine.sync_engine, "commit", refuse_failed)
    return engine


def count_in_utc(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Let PostgreSQL give every moment in UTC, whatever time zone the server is in."""
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    connection.commit()


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


def refuse_failed(connection: Connection) -> None:
    """Let a commit after a failed statement be an error: PostgreSQL undoes all, and says nothing."""
    driver = cast("AsyncConnection", connection.connection.driver_connection)
    if driver.info.transaction_status == TransactionStatus.INERROR:
        raise RuntimeError("a statement has failed, and nothing can be committed after it")


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


async def get_read_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Give a request a session for reading, without a transaction: two trips to the database less."""
    sessions: async_sessionmaker[AsyncSession] = connection.app.state.read_sessions
    async with sessions() as session:
        yield session
        if session.new or session.dirty or session.deleted:
            await session.flush()  # so that a change is an error rather than lost


class WritingSession(SyncSession):
    """A session with a transaction, also on connections that begin none by themselves."""


BEGIN = "BEGIN"


@event.listens_for(WritingSession, "after_begin")
def begin(_: SyncSession, transaction: SessionTransaction, connection: Connection) -> None:
    """Begin the transaction, where the driver does not do it before the first statement or change."""
    driver = cast("DBAPIConnection", connection.connection.dbapi_connection)
    if not transaction.nested and connection.dialect.detect_autocommit_setting(driver):
        connection.exec_driver_sql(BEGIN)


class ReadingSession(SyncSession):
    """A session that refuses to write objects. SQL that changes something is not noticed."""


@event.listens_for(ReadingSession, "before_flush")
def refuse(*_: object) -> None:
    """Refuse changes."""
    raise RuntimeError("an endpoint that changes something needs Session, not ReadSession")


# By default, the commit would come after the response, and its failure after a "201 Created".
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(get_read_session, scope="function")]


def trace_queries(engine: AsyncEngine) -> None:
    """Record queries as spans, where the request is recorded."""
    dialect = engine.dialect

    def traced(execute: Callable[..., object]) -> Callable[..., bool | None]:
        def execute_traced(cursor: object, statement: str, *arguments: object) -> bool | None:
            if not tracing.is_recording() or statement == BEGIN:
                return None  # let the dialect execute it
            with tracing.query_span(dialect.name, statement):
                execute(cursor, statement, *arguments)
            return True

        return execute_traced

    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        event.listen(engine.sync_engine, name, traced(getattr(dialect, name)))


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
