"""A service with wrong settings names all of them at once, and does not start."""

import signal
import tempfile
from pathlib import Path

import pytest

from tests.conformance.subject import PRODUCTION, eventually
from tests.postgres import Server
from tests.processes import free_port
from tests.projects import Project

SECRET = "hunter2"  # noqa: S105


def refuses(project: Project, verb: str, **variables: str) -> list[str]:
    """The lines that a command prints instead of doing anything."""
    variables = {**PRODUCTION, "PORT": str(free_port()), **variables}
    command = [*project.poe_command, "--quiet", verb]
    with tempfile.NamedTemporaryFile() as file:
        log = Path(file.name)
        with project.running(command, variables, log, by=signal.SIGKILL, clean=False) as process:
            assert eventually(lambda: process.poll() is not None, 20), f"it runs:\n{log.read_text()}"
        printed = log.read_text()
    assert process.returncode != 0, printed
    return printed.splitlines()


@pytest.mark.parametrize("verb", ["environment", "migrate", "serve"])
def test_every_problem_is_reported_at_once(project: Project, verb: str) -> None:
    wrong = {
        "DATABASE_URL": f"mysql://user:{SECRET}@db/service",
        "DEBUG": f"{SECRET}-debug",
        "LOG_LEVEL": f"{SECRET}-level",
        "ALLOWED_HOSTS": f"https://{SECRET}",
        "DATABASE_POOL_SIZE": f"{SECRET}-connections",
    }
    lines = refuses(project, verb, **wrong)
    for name in wrong:
        assert len([line for line in lines if line.startswith(f"{name}: ")]) == 1, lines
    printed = "\n".join(lines)
    assert SECRET not in printed
    assert "Traceback" not in printed
    if verb == "environment":
        assert len(lines) == len(wrong), lines


def test_several_workers_refuse_it_as_well(project: Project) -> None:
    """The server does not start them again and again."""
    lines = refuses(project, "serve", LOG_LEVEL="loud", WEB_CONCURRENCY="2")
    assert [line for line in lines if line.startswith("LOG_LEVEL: ")], lines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DEBUG", "true"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "service.example.com,*"),
        ("ALLOWED_HOSTS", ""),
        ("DATABASE_URL", ""),  # without it: SQLite, for development
        ("DATABASE_URL", "sqlite:///./db.sqlite3"),
        ("DATABASE_POOL_SIZE", "0"),
        ("WEB_CONCURRENCY", "many"),
        ("PORT", "http"),
    ],
)
def test_production_refuses(project: Project, postgres: Server, name: str, value: str) -> None:
    lines = refuses(project, "environment", **{"DATABASE_URL": postgres.url, name: value})
    assert [line.partition(":")[0] for line in lines] == [name], lines


@pytest.mark.parametrize("key", ["", "short", "x" * 60])
def test_production_refuses_a_weak_key(project: Project, postgres: Server, key: str) -> None:
    """If the framework has one, which the service's own documentation says."""
    if "SECRET_KEY" not in (project.path / "docs" / "operations.md").read_text(encoding="utf-8"):
        pytest.skip("this service has no key")
    lines = refuses(project, "environment", DATABASE_URL=postgres.url, SECRET_KEY=key)
    assert [line.partition(":")[0] for line in lines] == ["SECRET_KEY"], lines


def test_real_variables_win_over_the_file(project: Project, postgres: Server, tmp_path: Path) -> None:
    """The file supplies what is not set, for every command."""
    file = tmp_path / "variables"
    file.write_text(f"LOG_LEVEL=loud\nDATABASE_URL={postgres.url}\n")
    assert "LOG_LEVEL" in refuses(project, "environment", ENV_FILE=str(file))[0]
    given = PRODUCTION | {"ENV_FILE": str(file), "LOG_LEVEL": "INFO"}
    project.poe("--quiet", "environment", code=0, **given)
    given["DATABASE_URL"] = "mysql://db/service"
    assert "DATABASE_URL" in project.poe("--quiet", "environment", code=1, **given)
