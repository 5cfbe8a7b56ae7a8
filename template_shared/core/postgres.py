"""PostgreSQL: parsing of DATABASE_URL, and timeouts."""

import os
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

# The proxy waits 20 seconds: long enough for the pool (5), the connection (5) and one query (10).
CONNECT_TIMEOUT = 5
POOL_TIMEOUT = 5
REQUEST_OPTIONS = (
    "-c statement_timeout=10s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s "
    "-c datestyle=ISO -c timezone=UTC"  # a role may have others
)

UNSTORABLE = "A text contains characters that cannot be stored."
READ_ONLY = "25006"  # SQLSTATE: the server accepts no writes, as after a failover


def parameters(url: str) -> dict[str, Any]:
    """Translate `url` into arguments for psycopg.connect(); libpq parses it, as it does for psql.

    Raises ValueError if libpq refuses the URL, without its message, which may contain a password.
    """
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise ValueError(
            "psql would not accept this, unlike postgresql://user:password@host:5432/name"
        ) from None
    variables = {name: value for name, value in os.environ.items() if value}
    if service := given.get("service") or variables.get("PGSERVICE"):
        return {"service": service, **given}  # libpq's file of services may set everything else
    # libpq's default database name; not every framework applies it.
    user = given.get("user") or variables.get("PGUSER")
    if name := given.get("dbname") or variables.get("PGDATABASE") or user:
        given["dbname"] = name
    # The options of the URL or of PGOPTIONS come last, so they take precedence. An empty `?options=`
    # sends none, because some poolers refuse them.
    options = given.get("options", variables.get("PGOPTIONS", " "))
    given["options"] = options and f"{REQUEST_OPTIONS} {options}".strip()
    given.setdefault("connect_timeout", variables.get("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT))
    given.setdefault("target_session_attrs", variables.get("PGTARGETSESSIONATTRS", "read-write"))
    return given


def is_unstorable(error: BaseException) -> bool:
    """Return whether a text has characters that the database cannot store, such as NUL."""
    cause = error.__cause__ or error
    reasons = ("NUL", r"\u0000", "surrogate", "no equivalent")
    is_about_data = isinstance(cause, psycopg.DataError | UnicodeEncodeError)
    return is_about_data and any(reason in str(cause) for reason in reasons)
