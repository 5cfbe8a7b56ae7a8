"""Lambda calls `handler` to migrate the database, before a new version answers requests."""

from pathlib import Path

import alembic.config

CONFIG = Path(__file__).parents[2] / "alembic.ini"
EVENT = {"upgrade": "head"}


def handler(event: object, _: object) -> dict[str, str]:
    """Run `alembic upgrade head`. Other events, such as a request, are refused."""
    if event != EVENT:
        raise ValueError('this function answers no requests; its event is {"upgrade": "head"}')
    try:
        alembic.config.main(["--config", str(CONFIG), "upgrade", "head"])
    except SystemExit:
        raise RuntimeError("the migration failed; the log has the reason") from None
    return {"status": "ok"}
