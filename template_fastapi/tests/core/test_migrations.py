"""`alembic upgrade head` is safe, and reports a failure in one line."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from .conftest import LogLines
from migrations.safety import run_safely

ROOT = Path(__file__).parents[2]


def test_migrations_have_not_branched() -> None:
    heads = ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_heads()
    assert len(heads) <= 1, "run: poe alembic merge heads"


def failing(error: psycopg.Error, times: int) -> list[Exception]:
    """As SQLAlchemy raises it."""
    wrapped = OperationalError("ALTER TABLE items", {}, error)
    wrapped.__cause__ = error
    return [wrapped] * times


@pytest.mark.parametrize(
    ("error", "times", "attempts", "code"),
    [
        (psycopg.errors.LockNotAvailable("canceling statement\ndue to lock timeout"), 2, 3, 0),
        (psycopg.errors.DeadlockDetected("deadlock"), 1, 2, 0),
        (psycopg.OperationalError("connection refused"), 15, 10, 1),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), 9, 1, 1),
    ],
)
def test_what_may_pass_is_retried(
    monkeypatch: pytest.MonkeyPatch,
    log_lines: LogLines,
    error: psycopg.Error,
    times: int,
    attempts: int,
    code: int,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    failures = failing(error, times)
    made = 0

    def migrate() -> None:
        nonlocal made
        made += 1
        if failures:
            raise failures.pop()

    if code:
        with pytest.raises(SystemExit) as end:
            run_safely(migrate)
        assert end.value.code == code
        assert log_lines()[-1]["reason"] == str(error)
    else:
        run_safely(migrate)
    assert made == attempts


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/service.sqlite3"}

    def alembic(*arguments: str) -> str:
        command = [sys.executable, "-m", "alembic", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert "Running upgrade" in alembic("upgrade", "head")
    assert "Running upgrade" not in alembic("upgrade", "head")
    assert alembic("upgrade", "head", "--sql").startswith("BEGIN;")
    # A later version has migrated, and the service was rolled back.
    with sqlite3.connect(tmp_path / "service.sqlite3") as later:
        later.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    later.close()
    assert "database is ahead of this version" in alembic("upgrade", "head")
