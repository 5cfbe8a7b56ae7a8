"""PostgreSQL: parsing of DATABASE_URL, and timeouts."""

import os
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

# The proxy waits 20 seconds: long enough for the pool (5), the connection (5) and one query (10).
CONNECT_TIMEOUT = 5
POOL_TIMEOUT = 5
# Detect a server that vanished and no longer acknowledges packets. In milliseconds, then seconds.
VANISHED = {"tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 5}
REQUEST_OPTIONS = (
    "-c statement_timeout=10s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s "
    "-c datestyle=ISO -c timezone=UTC"  # a role may have others
)
READ_ONLY = "25006"  # SQLSTATE: the server accepts no writes, as after a failover


def parameters(url: str) -> dict[str, Any]:
    """Translate `url` into arguments for psycopg.connect(); libpq parses it, as it does for psql.

    Raises ValueError if libpq rejects the URL, without its message, which may contain a password.
    """
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise ValueError("must be a URL like postgresql://user:password@host:5432/name") from None
    if service := given.get("service") or os.environ.get("PGSERVICE"):
        return {"service": service, **given}  # libpq's file of services may set everything else
    # libpq's default database name; not every framework applies it.
    user = given.get("user") or os.environ.get("PGUSER")
    if name := given.get("dbname") or os.environ.get("PGDATABASE") or user:
        given["dbname"] = name
    # The last ones take precedence; if the URL's are empty, none are sent.
    options, variable = given.get("options", " "), os.environ.get("PGOPTIONS", "")
    given["options"] = options and f"{REQUEST_OPTIONS} {options} {variable}".strip()
    wait = os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_TIMEOUT
    servers = os.environ.get("PGTARGETSESSIONATTRS") or "read-write"
    return {"connect_timeout": wait, "target_session_attrs": servers, **VANISHED, **given}


def is_unstorable(error: object) -> bool:
    """Return whether a text contains NUL or a lone surrogate, which PostgreSQL cannot store."""
    if isinstance(error, UnicodeEncodeError):
        return error.reason == "surrogates not allowed"
    state = getattr(error, "sqlstate", "")  # None: the driver's own error, whose text has no SQL
    return state in {"22021", "22P05"} or (state is None and "contain NUL" in str(error))
