"""The database: an engine for each process, and a session for each request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from select import POLLIN, poll
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import URL, Connection, ExceptionContext, NullPool, event, exc, make_url, orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from . import metrics, postgres, tracing
from .problems import ConflictError, InvalidError

UNIQUE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
FOREIGN_KEY = {"23001", "23503", "SQLITE_CONSTRAINT_FOREIGNKEY"}
REQUEST: ContextVar[object] = ContextVar("REQUEST")  # the state of the request in this context
# Without the second option, a session that is used after its request would hold a connection.
OPTIONS: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}


def connect_arguments(url: str) -> tuple[URL, dict[str, Any]]:
    """Return a URL and `connect_args` for SQLAlchemy; libpq parses the URL of PostgreSQL."""
    if url.startswith("sqlite:"):
        return make_url(url), {}
    # Prepared statements do not survive a pooler in transaction mode.
    ours = {"prepare_threshold": None, "client_encoding": "utf8"}
    return URL.create("postgresql+psycopg"), postgres.parameters(url) | ours


def create_engine(url: str, pool_size: int | None = None) -> AsyncEngine:
    """Prepare an engine. Without `pool_size` or with 0, it opens a connection for each use."""
    address, arguments = connect_arguments(url)
    pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": postgres.POOL_TIMEOUT}
    is_sqlite = address.drivername == "sqlite"
    if pool_size is None and not is_sqlite:
        arguments["connect_timeout"] = 2  # a probe must have time to try the second host
    engine = create_async_engine(
        address.set(drivername="sqlite+aiosqlite") if is_sqlite else address,
        connect_args=arguments,
        hide_parameters=True,  # errors are logged; PostgreSQL's messages may still contain values
        **(pool if pool_size else {"poolclass": NullPool}),
    )
    listen = partial(event.listen, engine.sync_engine)
    listen("before_cursor_execute", start_span)
    listen("after_cursor_execute", lambda _, *query: query[3].span.end())
    listen("handle_error", handle_error)
    if is_sqlite:
        listen("connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON").close())
        listen("savepoint", begin)  # its driver waits for the first change
    else:
        listen("checkout", replace_closed)
        listen("commit", refuse_failed)
    if pool_size:
        metrics.MAX_CONNECTIONS.set(pool_size)
    return engine


def begin(connection: Connection, _: object) -> None:
    if not getattr(connection.connection.driver_connection, "in_transaction", False):
        connection.exec_driver_sql("BEGIN")


def start_span(connection: Connection, *query: Any) -> None:
    """Trace a query if its request is traced: (cursor, statement, parameters, context, …)."""
    query[3].span = tracing.start_query(connection.dialect.name, query[1])


def replace_closed(_: object, entry: Any, __: object) -> None:
    """Replace an idle connection that the server has closed; a closed socket is readable."""
    connection, poller = entry.driver_connection, poll()
    if not connection.closed:
        poller.register(connection.fileno(), POLLIN)
    if connection.closed or poller.poll(0):
        raise exc.DisconnectionError


def handle_error(context: ExceptionContext) -> None:
    """End the query's span; close connections to a server that has become read-only."""
    if (span := getattr(context.execution_context, "span", None)) and span.is_recording():
        tracing.fail(span, context.original_exception)
        span.end()
    if getattr(context.original_exception, "sqlstate", None) == postgres.READ_ONLY:  # a failover
        context.is_disconnect = True


def refuse_failed(connection: Connection) -> None:
    """Refuse to commit a failed transaction: PostgreSQL would silently roll it back."""
    driver: Any = connection.connection.driver_connection
    if driver.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
        raise RuntimeError("a statement has failed, so there is nothing to commit")


class OwnSession(orm.Session):
    """A session for one request. Those of GET and HEAD only read, except with textual SQL."""


@event.listens_for(OwnSession, "before_flush")
@event.listens_for(OwnSession, "do_orm_execute")
def refuse_misuse(cause: Any, *_: object) -> None:
    is_flush = isinstance(cause, orm.Session)
    info = cause.info if is_flush else cause.session.info
    if info["request"] is not REQUEST.get(None):
        info["request"] = "nobody's"  # nor can its own request commit what the other one has added
        raise RuntimeError("this session belongs to another request")
    changes = is_flush or cause.is_insert or cause.is_update or cause.is_delete
    if info["reads"] and (changes or cause.execution_options.get("stream_results")):
        raise RuntimeError("GET and HEAD have no transaction, which changes and stream() need")


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Give a request a transaction: committed if its endpoint returns, otherwise rolled back."""
    if connection.scope["type"] == "websocket":  # which would hold a connection for hours
        raise RuntimeError("in a WebSocket, open `AsyncSession(websocket.state.engine)` as needed")
    state = connection.scope["state"]
    reads = connection.scope["method"] in {"GET", "HEAD"}
    engine = state["read_engine"] if reads else state["engine"]
    info = {"request": state, "reads": reads}
    REQUEST.set(state)
    async with AsyncSession(engine, sync_session_class=OwnSession, info=info, **OPTIONS) as session:
        yield session
        try:
            await session.commit()
        except BaseException:
            await session.rollback()  # otherwise the connection would never return to the pool
            raise


# Scope "function" commits before the response is sent: otherwise a failed commit could follow a 201.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSession = Session  # the endpoints of older projects import it


@asynccontextmanager
async def constraints(
    session: AsyncSession, *, duplicate: str = "", missing: str = "", referenced: str = ""
) -> AsyncIterator[None]:
    """Flush, and translate constraint violations into errors with the given messages.

    409 if another row has the value (`duplicate`), or if rows refer to a deleted one (`referenced`);
    422 if a referenced row does not exist (`missing`).
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
