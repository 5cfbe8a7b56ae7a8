"""The connection to the database."""

from typing import Any

from django.db import IntegrityError
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

CONNECT_TIMEOUT = 5  # seconds
POOL_SIZE = 5  # connections a process: one for each of Gunicorn's threads and one for health checks
POOL_TIMEOUT = 5  # seconds that a request waits for one of them

MALFORMED = "a URL as libpq reads it, with no parameters but libpq's"


def database_from(url: str) -> dict[str, Any]:
    """Translate `url`, which names SQLite or PostgreSQL, for Django's DATABASES."""
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            # A transaction that begins by reading would fail at its first write, where another one
            # wrote meanwhile, instead of waiting for it.
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    # libpq reads the URL, so that all which psql understands works here too.
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:  # whose message can hold the password
        raise SystemExit(f"DATABASE_URL: {MALFORMED}") from None
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, **parts}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname"),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "OPTIONS": {
            **options,
            "pool": {"min_size": 1, "max_size": POOL_SIZE, "timeout": POOL_TIMEOUT},
        },
    }


def violates_unique(error: IntegrityError) -> bool:
    """Whether the database refused a value because another row has it."""
    cause = error.__cause__
    return (
        getattr(cause, "sqlstate", "") == "23505"
        or getattr(cause, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_UNIQUE"
    )
