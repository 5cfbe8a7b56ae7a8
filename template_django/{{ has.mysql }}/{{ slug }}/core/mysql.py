"""MySQL and MariaDB: parsing of DATABASE_URL, timeouts, and numbers of errors."""

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql

pymysql.install_as_MySQLdb()  # Django imports the driver by this name

FORM = "must be a URL like mysql://user:password@host:3306/name"
# In seconds. The proxy waits 20: long enough for the connection, and one query.
TIMEOUTS = {
    "connect_timeout": 5,
    "read_timeout": 12,  # the server does not respond
    "write_timeout": 12,
    "statement_timeout": 10,
    "lock_timeout": 2,  # for rows, and for tables that a migration changes
    "idle_timeout": 30,  # between two statements
}
# MySQL executes comments that begin with /*!80000, MariaDB those with /*M!. MySQL limits only SELECT.
LIMITS = (
    "innodb_lock_wait_timeout = {lock_timeout}, lock_wait_timeout = {lock_timeout}, "
    "wait_timeout = {idle_timeout} /*!80000 , max_execution_time = {statement_timeout}000 */ "
    "/*M!100100 , max_statement_time = {statement_timeout} */"
)
# The session's clock is Django's, and a value that does not fit is an error.
SESSION = "SET time_zone = '+00:00', sql_mode = concat(@@sql_mode, ',STRICT_TRANS_TABLES')"

DUPLICATE = 1062
MISSING, REFERENCED = 1452, 1451  # rows that foreign keys concern
READ_ONLY = {1290, 1792, 1836}  # the server accepts no writes, for example after a failover
# No connection, a broken one, or too many of them; a lock or a query that took too long.
UNAVAILABLE = {
    *(1040, 1045, 1049, 1053, 1203, 1226, 1927, 2002, 2003, 2006, 2013, 4031),
    *(1205, 1213, 1969, 3024),
}


def parameters(url: str) -> dict[str, Any]:
    """Translate `url` into an entry of DATABASES. Raises ValueError, which never names its parts."""
    try:
        parts = urlsplit(url)
        port = parts.port
        given = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
        own = {name: int(given.pop(name, limit)) for name, limit in TIMEOUTS.items()}
    except ValueError:
        raise ValueError(FORM) from None
    host = given.pop("unix_socket", "") or parts.hostname
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme != "mysql" or not host or not name or min(own.values()) < 1:
        raise ValueError(FORM)
    if given.keys() - {"ssl_ca"}:
        raise ValueError(f"its parameters may be ssl_ca, unix_socket, {', '.join(TIMEOUTS)}")
    has_limits = os.environ.get("MYSQL_TIMEOUTS") != "off"  # as manage.py sets it
    of_driver = {name: own[name] for name in ("connect_timeout", "read_timeout", "write_timeout")}
    return {
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port or "",
        "OPTIONS": {
            "init_command": f"{SESSION}, {LIMITS.format(**own)}" if has_limits else SESSION,
            **(of_driver if has_limits else {"connect_timeout": own["connect_timeout"]}),
            **given,
        },
    }


def code(error: BaseException | None) -> object:
    """Return the number of the driver's error."""
    return error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None


def is_unstorable(error: object) -> bool:
    """Return whether a text contains a lone surrogate, which MySQL cannot store."""
    if isinstance(error, UnicodeEncodeError):
        return error.reason == "surrogates not allowed"
    return isinstance(error, pymysql.MySQLError) and code(error) in {1300, 1366}
