"""SQLite: the file in DATABASE_URL, and the settings of every connection."""

from pathlib import Path

BUSY_TIMEOUT = 5  # seconds that a request waits while another one writes
# With a write-ahead log, readers and a writer do not wait for each other. NORMAL then writes to
# the disk less often: after a power cut, the last transactions may be missing, nothing is damaged.
PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"


def file(url: str) -> str:
    """Return the path in `url`. Raises ValueError if it has none."""
    path = url.removeprefix("sqlite:///")
    if path in ("", url) or "?" in path:
        raise ValueError("must have the form sqlite:///path")
    return path


def check_production(url: str, code: Path) -> None:
    """Raise ValueError if the file would be lost with the container."""
    path = Path(file(url))
    if not path.is_absolute() or path.is_relative_to(code):
        raise ValueError("in production, use sqlite:////path/of/a/volume/db.sqlite3")


def is_unstorable(error: object) -> bool:
    """Return whether a text contains a lone surrogate, which SQLite cannot store."""
    return isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed"
