"""A project on one machine with its data in a SQLite file, which two instances share."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment import stacks
from tests.deployment.engine import Engine
from tests.deployment.stacks import Stack, until, watch
from tests.projects import ask
from tests.tools import render, run

pytestmark = [pytest.mark.slow, pytest.mark.option("sqlite"), pytest.mark.xdist_group("compose-sqlite")]
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
OPTIONS = {"database": "sqlite", "login": "none", "media": "none", "target": ["compose"]}


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "service"
    return render(template, path, framework="django", slug="service", **OPTIONS)


@pytest.fixture(scope="module")
def stack(engine: Engine, project: Path) -> Iterator[Stack]:
    """Version 1 is deployed; the image of version 2 is there."""
    stacks.show_its_version(project, "django")
    stacks.lift_the_limits(project)
    image = f"groundplan-sqlite-{os.getpid()}"
    engine.build(project, f"{image}:v1")
    main = project / "service/api.py"
    main.write_text(main.read_text().replace('"v1"', '"v2"'))
    engine.build(project, f"{image}:v2")
    with stacks.deployed(stacks.configure(project, "django", image), "v1") as stack:
        yield stack
    run("docker", "rmi", "--force", f"{image}:v1", f"{image}:v2")


def names(stack: Stack) -> set[str]:
    return {item["name"] for item in stack.get("/api/v1/items").json["results"]}


def add(stack: Stack, name: str) -> int:
    return ask(f"{stack.url}/api/v1/items", "POST", {"name": name}).status


def backup(stack: Stack) -> Path:
    return Path(stack.script("backup.sh").splitlines()[-1])


def files(stack: Stack) -> set[str]:
    """The files in the volume, without those of open connections and the lock of migrations."""
    found = set(stack.container("web-a").execute("ls", "-A", "/srv/data").split())
    return found - {"db.sqlite3-wal", "db.sqlite3-shm", "db.sqlite3-migrate"}


def test_scripts_are_clean_and_need_no_server(project: Path) -> None:
    directory = project / "deploy/compose"
    run(SHELLCHECK, "--external-sources", "--source-path=SCRIPTDIR", "--severity=style", *directory.glob("*.sh"))
    text = "".join(path.read_text() for path in directory.iterdir() if path.is_file())
    assert "postgres" not in text
    assert "DATABASE_PASSWORD" not in text


def test_the_smoke_test_passes(stack: Stack) -> None:
    printed = run("sh", stack.project / "deploy/pipeline/smoke.sh", f"{stack.image}:v1", cwd=stack.project)
    assert "The image migrates, becomes ready, and stops." in printed


def test_a_deployment_loses_no_request_and_makes_a_backup(stack: Stack) -> None:
    assert add(stack, "before") == 201
    with watch(stack) as watching:
        until(lambda: "v1" in watching.seen)
        stack.script("deploy.sh", "v2")
        until(lambda: watching.seen[-1] == "v2")
    assert set(watching.seen) == {"v1", "v2"}
    assert add(stack, "after") == 201
    (made,) = (stack.directory / "backups" / stack.name).glob("*-deploy")
    assert {file.name for file in made.iterdir()} == {"database.sqlite3", "SHA256SUMS"}
    stack.script("deploy.sh", "--rollback")
    assert stack.get("/api/version").json == "v1"


def test_a_backup_brings_everything_back_after_all_is_lost(stack: Stack) -> None:
    add(stack, "kept")
    before, made = names(stack), backup(stack)
    stack.compose("down", "--volumes")
    stack.script("deploy.sh", "--no-backup", "v1")
    assert names(stack) == set()
    add(stack, "lost")
    stack.script("restore.sh", "--yes", str(made))
    assert names(stack) == before
    assert files(stack) == {"db.sqlite3"}
    assert add(stack, "later") == 201


def test_what_was_there_returns_after_an_interruption(stack: Stack, tmp_path: Path) -> None:
    made = backup(stack)
    add(stack, "newer than the backup")
    before = names(stack)
    with (tmp_path / "log").open("wb") as output:
        command: list[str | Path] = ["bash", stack.directory / "restore.sh", "--yes", made]
        script = subprocess.Popen(command, stdout=output, stderr=-2, start_new_session=True)
    look = ("run", "--rm", "--no-deps", "-T", "migrate", "python", "manage.py", "sqlite", "replaced")
    until(lambda: "db.sqlite3-replaced" in stack.output(*look))
    os.killpg(script.pid, signal.SIGKILL)
    script.wait(timeout=120)
    run("flock", stack.directory, "true")  # until what it started has ended
    assert "a restore was killed here" in stack.script("backup.sh", code=1)
    assert "the data from before the restore is back" in stack.script("restore.sh", "--yes", "--undo")
    assert names(stack) == before
    assert files(stack) == {"db.sqlite3"}


def test_a_damaged_backup_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(backup(stack), tmp_path / "damaged"))
    before = names(stack)
    with (damaged / "database.sqlite3").open("r+b") as file:
        file.truncate(file.seek(0, 2) // 2)
    assert "is damaged" in stack.script("restore.sh", "--yes", str(damaged), code=1)
    (damaged / "SHA256SUMS").write_text(run("sha256sum", "database.sqlite3", cwd=damaged))
    printed = stack.script("restore.sh", "--yes", str(damaged), code=1)
    assert "is not a backup of service" in printed
    assert "the old data is still there" in printed
    assert names(stack) == before
