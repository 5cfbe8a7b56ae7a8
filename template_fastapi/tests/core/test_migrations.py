"""`alembic upgrade head` is safe, and reports a failure in one line."""

import os
import shutil
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
from migrations import locking
from migrations.safety import run_safely

ROOT = Path(__file__).parents[2]
ON_POSTGRESQL = not os.environ["DATABASE_URL"].startswith("sqlite:")


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
        (psycopg.OperationalError("connection refused"), 9, 5, 1),
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
            run_safely(migrate, Config())
        assert end.value.code == code
        assert log_lines()[-1]["reason"] == str(error)
    else:
        run_safely(migrate, Config())
    assert made == attempts


def alembic(database_url: str, *arguments: str, code: int = 0, timeout: int = 30) -> str:
    """Run the command, which must end with this exit code; return what it printed."""
    process = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert min(process.returncode, 1) == code, process.stderr
    return process.stdout


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.sqlite3"
    assert "Running upgrade" in alembic(url, "upgrade", "head")
    assert "Running upgrade" not in alembic(url, "upgrade", "head")
    assert alembic(url, "upgrade", "head", "--sql").startswith("BEGIN;")
    for command in ("upgrade", "downgrade"):
        assert "Can't locate revision" in alembic(url, command, "misspelt", code=1)


@pytest.mark.slow
def test_the_schema_of_a_later_version_stays_after_a_rollback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/service.sqlite3"
    alembic(url, "upgrade", "head")
    with sqlite3.connect(tmp_path / "service.sqlite3") as later:
        later.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    later.close()
    assert "database is ahead of this version" in alembic(url, "upgrade", "head")
    assert "Can't locate revision" in alembic(url, "stamp", "head", code=1)


@pytest.mark.slow
@pytest.mark.skipif(not ON_POSTGRESQL, reason="needs PostgreSQL")
def test_commands_that_only_read_do_not_wait_for_a_migration(database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        locking.lock_for_migration(other)
        assert "(head)" in alembic(database_url, "current")
        with pytest.raises(subprocess.TimeoutExpired):
            alembic(database_url, "upgrade", "head", timeout=5)


@pytest.mark.slow
def test_the_lint_names_a_missing_migration(tmp_path: Path) -> None:
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    orphan = "revision, down_revision = 'a', 'b'\n"
    (tmp_path / "migrations/versions/orphan.py").write_text(orphan, encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-m", "migrations.lint"]
    process = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert process.returncode == 1
    [line] = process.stderr.splitlines()
    assert "'b'" in line
