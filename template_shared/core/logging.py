"""Logging: structlog through the standard library, as one JSON object per line on stdout.

If stdout is a terminal, lines are readable instead.
"""

import logging
import math
import re
import sys
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

STREAM = "logging.StreamHandler"
REQUEST_ID_HEADER = "X-Request-ID"
REDACTED = "[redacted]"
DEPTH = 8  # of nested values; an object may contain itself
DROPPED = {"{{ dropped }}"}

_names_a_secret = lru_cache(1024)(
    re.compile(
        r"passw(or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credential"
        r"|authorization|cookie|session|csrf|dsn|database_url",
        re.IGNORECASE,
    ).search
)
_is_request_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def request_id_from(header: str | None) -> str:
    """Return the caller's request id if it is short and plain, or a new one."""
    return header if header and _is_request_id(header) else uuid.uuid4().hex


def redact(_: object, __: str, event: EventDict) -> EventDict:
    """Replace what may be secret, and what JSON cannot express. Drop {{ dropped_because }}."""
    return {key: _redacted(key, value) for key, value in event.items() if key not in DROPPED}


def _redacted(key: object, value: object, depth: int = 0) -> object:
    if isinstance(key, str) and _names_a_secret(key):
        return REDACTED
    if isinstance(value, str | int):  # the usual case, and quick to check
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        items = value.items() if depth < DEPTH else ()
        return {str(name): _redacted(name, item, depth + 1) for name, item in items}
    if isinstance(value, list | tuple | set | frozenset) and key != "exc_info":
        return [_redacted(None, item, depth + 1) for item in value if depth < DEPTH]
    return value


_shared: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
]


def configure_structlog() -> None:
    """Send structlog's events and Python's warnings to the loggers of the standard library."""
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared,
            redact,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(level: str) -> dict[str, Any]:
    """Return the standard library's logging configuration for records at `level` or above."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {
            "stdout": {"class": STREAM, "stream": "ext://sys.stdout", "formatter": "line"},
        },
        "root": {"handlers": ["stdout"], "level": level},
{{ loggers }}
    }


def formatter() -> ProcessorFormatter:
    """Return the format of all lines."""
    return ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared, redact],
        processors=[ProcessorFormatter.remove_processors_meta, *_rendered()],
    )


def _rendered() -> list[Processor]:
    if sys.stdout.isatty():
        # structlog's default shows the values of local variables if the package `rich` is installed.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
