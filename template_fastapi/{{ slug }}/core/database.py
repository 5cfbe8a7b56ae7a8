"""The database: an engine for each process, and a session for each request."""

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import Connection, NullPool, event, exc
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from . import metrics, postgres, tracing
from .problems import ConflictError, InvalidError

UNIQUE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
FOREIGN_KEY = {"23001", "23503", "SQLITE_CONSTRAINT_FOREIGNKEY"}
# Without the second option, a session used after its request would keep a connection.
SESSION: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}


def connect_arguments(url: str) -> tuple[URL, dict[str, Any]]:
    """Return a URL and `connect_args` for SQLAlchemy; libpq parses the URL of PostgreSQL."""
    if url.startswith("sqlite:"):
        return make_url(url), {}
    # Prepared statements do not survive a pooler in transaction mode.
    ours = {"prepare_threshold": None, "client_encoding": "utf8"}
    return URL.create("postgresql+psycopg"), postgres.parameters(url) | ours


def create_engine(url: str, pool_size: int = 0) -> AsyncEngine:
    """Prepare an engine. Without `pool_size`, it opens a connection for each use."""
    address, arguments = connect_arguments(url)
    pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": postgres.POOL_TIMEOUT}
    is_sqlite = address.drivername == "sqlite"
    if not pool_size and not is_sqlite:
        arguments["connect_timeout"] = 2  # for each host: a probe must reach the second one in time
    engine = create_async_engine(
        address.set(drivername="sqlite+aiosqlite") if is_sqlite else address,
        connect_args=arguments,
        hide_parameters=True,  # errors are logged; PostgreSQL's messages may still contain values
        **(pool if pool_size else {"poolclass": NullPool}),
    )
    listen = partial(event.listen, engine.sync_engine)
    listen("before_cursor_execute", start_span)
    listen("after_cursor_execute", lambda connection, *_: connection.info.pop("span").end())
    listen("handle_error", handle_error)
    if is_sqlite:
        listen("connect", enforce_foreign_keys)
    else:
        listen("checkout", replace_closed)
        listen("commit", refuse_failed)
    if pool_size:
        metrics.MAX_CONNECTIONS.set(pool_size)
    return engine


def enforce_foreign_keys(connection: Any, _: object) -> None:
    """SQLite checks foreign keys only on request."""
    connection.execute("PRAGMA foreign_keys = ON").close()


def start_span(connection: Connection, _: object, statement: str, *__: object) -> None:
    """Trace a query if its request is traced."""
    connection.info["span"] = tracing.start_query(connection.dialect.name, statement)


def replace_closed(_: object, entry: Any, __: object) -> None:
    """Replace an idle connection that the server has closed; a closed socket is readable."""
    connection: psycopg.AsyncConnection = entry.driver_connection
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
    if connection.closed or poll.poll(0):
        raise exc.DisconnectionError


def handle_error(context: ExceptionContext) -> None:
    """End the query's span; close connections to a server that has become read-only."""
    if context.connection and (span := context.connection.info.pop("span", None)):
        tracing.fail(span, context.original_exception)
        span.end()
    if getattr(context.original_exception, "sqlstate", None) == postgres.READ_ONLY:  # a failover
        context.is_disconnect = True


def refuse_failed(connection: Connection) -> None:
    """Refuse to commit a failed transaction: PostgreSQL would roll it back without an error."""
    driver: Any = connection.connection.driver_connection
    if driver.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
        raise RuntimeError("a statement has failed, so there is nothing to commit")


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Give a request a transaction: committed if its endpoint returns, otherwise rolled back."""
    async with AsyncSession(connection.state.engine, **SESSION) as session:
        yield session
        try:
            await session.commit()
        except BaseException:
            await session.rollback()  # otherwise the connection would never return to the pool
            raise


async def get_read_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Give a request a session for reading, which is faster: every statement commits on its own."""
    async with AsyncSession(connection.state.read_engine, **SESSION) as session:
        event.listen(session.sync_session, "before_flush", refuse_changes)
        yield session


def refuse_changes(*_: object) -> None:
    raise RuntimeError("to change rows, an endpoint needs Session instead of ReadSession")


# Scope "function" commits before the response is sent: a failed commit must not become a 201.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(get_read_session, scope="function")]


@asynccontextmanager
async def constraints(
    session: AsyncSession, *, duplicate: str = "", missing: str = "", referenced: str = ""
) -> AsyncIterator[None]:
    """Flush, and translate constraint violations into errors with the given messages.

    `duplicate` (409): another row has the value. `missing` (422): the referenced row does not
    exist. `referenced` (409): other rows refer to the deleted row.
    """
    try:
        yield
        await session.flush()
    except exc.IntegrityError as error:
        code = error_code(error)
        if duplicate and code in UNIQUE:
            raise ConflictError(duplicate) from error
        if (missing or referenced) and code in FOREIGN_KEY:
            raise InvalidError(missing) if missing else ConflictError(referenced) from error
        raise


def error_code(error: exc.DBAPIError) -> str:
    """Return the SQLSTATE, or SQLite's name for the error."""
    return str(getattr(error.orig, "sqlstate", getattr(error.orig, "sqlite_errorname", "")))


def is_unavailable(error: exc.DBAPIError | exc.TimeoutError) -> bool:
    """Return whether a retry may succeed."""
    if isinstance(error, exc.TimeoutError) or isinstance(error.orig, psycopg.OperationalError):
        return True
    return error_code(error) in {postgres.READ_ONLY, "SQLITE_BUSY", "SQLITE_LOCKED"}
