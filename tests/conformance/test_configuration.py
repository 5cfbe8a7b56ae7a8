"""A service that was told nonsense says all of it at once, and serves nobody."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conformance.subject import PRODUCTION, free_port
from tests.postgres import Server
from tests.projects import Project

SECRET = "hunter2"  # noqa: S105


def refuses(project: Project, verb: str, **variables: str) -> list[str]:
    """The lines that a command prints instead of doing anything."""
    environment = os.environ | project.variables | PRODUCTION | {"PORT": str(free_port())} | variables
    command: list[str | Path] = [project.environment / "bin" / "poe", "--quiet", verb]
    process = subprocess.Popen(
        command, cwd=project.path, env=environment, stdout=-1, stderr=-2, text=True, start_new_session=True
    )
    try:
        printed, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        pytest.fail(f"it serves:\n{printed}")
    assert process.returncode == 1, printed
    return printed.splitlines()


@pytest.mark.parametrize("verb", ["serve", "migrate"])
def test_every_problem_is_said_at_once(project: Project, verb: str) -> None:
    wrong = {
        "DATABASE_URL": f"mysql://user:{SECRET}@db/service",
        "DEBUG": f"{SECRET}-debug",
        "LOG_LEVEL": f"{SECRET}-level",
        "ALLOWED_HOSTS": f"https://{SECRET}",
        "DATABASE_CONNECTIONS": f"{SECRET}-connections",
    }
    lines = refuses(project, verb, **wrong)
    for name in wrong:
        assert len([line for line in lines if line.startswith(f"{name}: ")]) == 1, lines
    assert len(lines) == len(wrong), lines
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DEBUG", "true"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "service.example.com,*"),
        ("ALLOWED_HOSTS", ""),
        ("DATABASE_URL", ""),  # SQLite, where nothing else is said
        ("DATABASE_URL", "sqlite:///./db.sqlite3"),
        ("DATABASE_CONNECTIONS", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("WEB_CONCURRENCY", "many"),
        ("PORT", "http"),
    ],
)
def test_production_refuses(project: Project, postgres: Server, name: str, value: str) -> None:
    lines = refuses(project, "serve", **{"DATABASE_URL": postgres.url, name: value})
    assert [line.partition(":")[0] for line in lines] == [name], lines


@pytest.mark.parametrize("key", ["", "short", "x" * 60])
def test_production_refuses_a_key_that_is_no_secret(project: Project, postgres: Server, key: str) -> None:
    """Where the framework has one, which the service's own documentation tells."""
    if "SECRET_KEY" not in (project.path / "docs" / "operations.md").read_text(encoding="utf-8"):
        pytest.skip("this service has no key")
    lines = refuses(project, "serve", DATABASE_URL=postgres.url, SECRET_KEY=key)
    assert [line.partition(":")[0] for line in lines] == ["SECRET_KEY"], lines
