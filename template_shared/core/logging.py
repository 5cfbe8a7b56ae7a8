"""Logs: one JSON object a line on stdout, or lines for people where stdout is a terminal.

Log with ``structlog.get_logger(__name__)``. What libraries log through the standard library gets
the same shape. Tracebacks never hold the values of variables.
"""

import contextlib
import json
import logging
import logging.config
import re
import sys
import uuid
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor

REQUEST_ID_HEADER = "X-Request-ID"

_well_formed = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_shortcut = False  # whether log_request may write JSON by itself


def configure(level: str) -> None:
    """Send every log line of this process from `level` on to stdout."""
    global _shortcut
    _shortcut = level in {"DEBUG", "INFO"} and not sys.stdout.isatty()
    structlog.configure(
        processors=[*_described(), *_rendered()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Logger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(standard_library(level))
    logging.captureWarnings(capture=True)


def request_id_from(header: str | None) -> str:
    """Return what joins a response, its log lines and the caller's own: theirs, if short and plain."""
    return header if header and _well_formed(header) else uuid.uuid4().hex


def log_request(**fields: object) -> None:
    """Log that a request was answered.

    The line is one that any logger would write. This one is written for every request, so it takes
    a shorter way, at half the cost.
    """
    if not _shortcut:
        structlog.get_logger(__name__).info("request", **fields)
        return
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        "level": "info",
        "event": "request",
        "logger": __name__,
        **fields,
        **structlog.contextvars.get_contextvars(),
    }
    _write(_encode(line))


def standard_library(level: str) -> dict[str, object]:
    """Return the `logging.config` of a process, for servers that configure logging themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _described(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendered(),
                ],
            },
        },
        # These log the addresses of requests, in which there may be secrets.
        "loggers": {"httpx": {"level": "WARNING"}, "httpx2": {"level": "WARNING"}},
        "handlers": {"stdout": {"()": _Handler, "formatter": "line"}},
        "root": {"handlers": ["stdout"], "level": level},
    }


def _described() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,  # request_id
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _ordered,
    ]


def _ordered(_: object, __: str, line: EventDict) -> EventDict:
    """Begin every line with what all of them have."""
    return {**{key: line.pop(key) for key in ("timestamp", "level", "event", "logger")}, **line}


def _rendered() -> list[Processor]:
    if sys.stdout.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]


def _shown(value: object) -> str:
    """Show what JSON has no form for. To log must not fail, whatever a library passes."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


_encode = json.JSONEncoder(default=_shown).encode


def _dumps(line: EventDict, **_: object) -> str:
    return _encode(line)


def _write(line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk or a closed pipe must not fail requests
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class _Logger:
    """What structlog's loggers write to: they skip the standard library, which would double the cost."""

    def __init__(self, name: str = "root") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        _write(line)

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self.format(record))
        except Exception:  # a mistake in a call to a logger must not fail its caller
            self.handleError(record)
