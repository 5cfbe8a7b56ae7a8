"""The database: settings, and translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.utils import IntegrityError, InterfaceError, OperationalError

# Settings import this first: apps may create metrics, whose directory `metrics` makes.
from . import metrics, mysql  # noqa: F401
from .problems import ConflictError, InvalidError

DUPLICATE = {mysql.DUPLICATE, "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
# Django itself reports a missing row without a driver's error.
FOREIGN_KEY = {mysql.MISSING, mysql.REFERENCED, "SQLITE_CONSTRAINT_FOREIGNKEY", None}


def from_url(url: str, *, is_kept_open: bool) -> dict[str, Any]:
    """Return an entry of DATABASES. The readiness probe covers only `default`.

    There is no pool: in production, each thread keeps its connection for a minute.
    """
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            # By default, a transaction that reads before it writes fails while another one writes.
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    return {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 60 if is_kept_open else 0,
        "CONN_HEALTH_CHECKS": True,  # the server ends those that are idle
        **mysql.parameters(url),
    }


def ping() -> None:
    """Raise an exception unless the database responds and accepts writes."""
    try:
        with connection.cursor() as cursor:
            on_sqlite = connection.vendor == "sqlite"
            cursor.execute("SELECT 0" if on_sqlite else "SELECT @@read_only, @@innodb_read_only")
            if not {str(value) for value in cursor.fetchone()} <= {"0", "OFF"}:
                raise OperationalError("the server is read-only")
    finally:
        connection.close()


def is_unavailable(error: Exception) -> bool:
    """Return whether the database is unreachable, busy or read-only."""
    code = _code(error)
    if code in mysql.READ_ONLY:
        connection.close()  # the next one may reach the server that accepts writes
        return True
    # SQLite reports errors in SQL as operational ones, and MySQL's driver most of them.
    is_about_sql = (
        code not in mysql.UNAVAILABLE if isinstance(code, int) else code == "SQLITE_ERROR"
    )
    return isinstance(error, InterfaceError | OperationalError) and not is_about_sql


@contextmanager
def constraints(*, duplicate: str = "", missing: str = "", referenced: str = "") -> Iterator[None]:
    """Translate constraint violations into errors with the given messages.

    `duplicate` (409): another row has the value, of any unique constraint. `missing` (422): the
    referenced row does not exist. `referenced` (409): other rows refer to the deleted row.
    """
    try:
        with transaction.atomic():
            yield
            if missing:
                connection.check_constraints()  # SQLite checks foreign keys at the commit
    except (ProtectedError, RestrictedError) as error:
        raise ConflictError(referenced) from error
    except IntegrityError as error:
        code = _code(error)
        if duplicate and code in DUPLICATE:
            raise ConflictError(duplicate) from error
        if (missing or referenced) and code in FOREIGN_KEY:
            raise InvalidError(missing) if missing else ConflictError(referenced) from error
        raise


def _code(error: Exception) -> object:
    return getattr(error.__cause__, "sqlite_errorname", None) or mysql.code(error.__cause__)
