"""Django on MySQL, with MariaDB in its place: the project's own tests, its migrations, a backup and a restore."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import mysql
from tests.projects import QUICK, Project, parse_all, served, set_up
from tests.tools import render, render_anew, run, tree

pytestmark = [pytest.mark.slow, pytest.mark.option("mysql", "postgresql"), pytest.mark.xdist_group("mysql")]
POSTGRESQL = re.compile(r"postgres|psycopg|libpq|squawk|\bpg_|PGOPTIONS|POOL_SIZE", re.IGNORECASE)
# They say how the databases differ, how the frameworks were measured, and which URLs are refused.
NAMES_IT = {"docs/mysql.md", "docs/decisions/0001-web-framework.md", "uv.lock", "tests/core/test_environment.py"}
NAMES_IT |= {"README.md", "tests/core/test_database.py"}

# Compose's commands for the scripts: those in the database's container run on this machine.
DOCKER = """\
#!/bin/sh
case "$*" in
"compose config") echo "name: service" ;;
"compose config --services") printf '%s\\n' database migrate nginx web-a web-b ;;
"compose exec -T database sh -c "*) shift 4 && exec "$@" ;;
"compose run --rm --no-deps -T --env DATABASE_URL migrate")
    DATABASE_URL=$(printf %s "$DATABASE_URL" | sed "s/database:3306/$SERVER/") exec python "$PROJECT/manage.py" migrate
    ;;
"compose --progress quiet stop "*) [ -z "$FAILS" ] || exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    answers = {"slug": "service", "database": "mysql", "login": "none", "media": "none", "target": ["compose"]}
    return set_up(render(template, tmp_path_factory.mktemp("mysql") / "service", framework="django", **answers))


def test_apps_may_create_metrics(project: Project, tmp_path: Path) -> None:
    """Their files are in a directory that the settings make: apps come before the middleware, which has the others."""
    directory = tmp_path / "metrics"
    project.run("python", "-c", "import service.settings", PROMETHEUS_MULTIPROC_DIR=str(directory))
    assert directory.is_dir()


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_nothing_is_left_of_postgresql(template: Path, tmp_path: Path, ci: str) -> None:
    path = render(template, tmp_path / "service", framework="django", database="mysql", target=["compose"], ci=ci)
    parse_all(path)
    assert {name for name, content in tree(path).items() if POSTGRESQL.search(content.decode())} <= NAMES_IT


@pytest.mark.parametrize(("question", "answer"), [("target", ["kubernetes"]), ("tasks", "celery")])
def test_what_it_excludes_is_refused(template: Path, tmp_path: Path, question: str, answer: object) -> None:
    with pytest.raises(ValueError, match="Not with "):
        render_anew(template, tmp_path / "service", framework="django", database="mysql", **{question: answer})


def test_the_project_passes_its_tests_on_a_server(project: Project, mysql: mysql.Server) -> None:
    url = mysql.create("tests")
    project.poe("test", PYTEST_ADDOPTS=QUICK, DATABASE_URL=url)
    project.poe("lint-migrations", DATABASE_URL=url)


@pytest.fixture
def database(project: Project, mysql: mysql.Server) -> Iterator[str]:
    """The service's database, which its user has migrated, with an item."""
    url = mysql.create("service").replace("root@", "service:secret@")
    mysql.query("CREATE USER service@'%' IDENTIFIED BY 'secret'; GRANT ALL ON service.* TO service@'%'")
    project.poe("migrate", DATABASE_URL=url)
    mysql.query(add("kept"), "service")
    yield url
    for name in ("service", "service_restored", "service_replaced"):
        mysql.query(f"DROP DATABASE IF EXISTS {name}")
    mysql.query("DROP USER service@'%'")


@pytest.fixture
def scripts(project: Project, mysql: mysql.Server, database: str, tmp_path: Path) -> "Scripts":
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "docker").write_text(DOCKER)
    (commands / "docker").chmod(0o755)
    # The container has MySQL's names of these programs; not every package of MariaDB has them.
    for name, own in {"mysql": "mariadb", "mysqldump": "mariadb-dump"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {own} --no-defaults --socket="$SOCKET" "$@"\n')
        (commands / name).chmod(0o755)
    directory = tmp_path / "compose"
    shutil.copytree(project.path / "deploy/compose", directory)
    (directory / "files.sh").write_text("files() { :; }\n")
    (directory / ".env").write_text("VERSION=v1\nDATABASE_PASSWORD=secret\n")
    variables = project.variables | {
        "SOCKET": str(mysql.socket),
        "MYSQL_ROOT_PASSWORD": "",
        "PROJECT": str(project.path),
        "SERVER": f"127.0.0.1:{mysql.port}",
    }
    variables["PATH"] = f"{commands}:{variables['PATH']}"
    return Scripts(directory, variables)


class Scripts:
    """The project's scripts, without containers."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self.directory = directory
        self.variables = variables

    def run(self, name: str, *arguments: str, code: int = 0, **variables: str) -> str:
        """What a script prints."""
        command = ["bash", str(self.directory / name), *arguments]
        environment = os.environ | self.variables | {"FAILS": ""} | variables
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    def backup(self) -> Path:
        """A new backup."""
        return Path(self.run("backup.sh").splitlines()[-1])


def add(name: str) -> str:
    return (
        "INSERT INTO items_item (name, description, quantity, created_at, updated_at) "  # noqa: S608
        f"VALUES ('{name}', '', 1, now(6), now(6))"
    )


def names(server: mysql.Server) -> set[str]:
    return set(server.query("SELECT name FROM items_item", "service").split("\n")) - {""}


def databases(server: mysql.Server) -> set[str]:
    return {name for name in server.query("SHOW DATABASES").split() if name.startswith("service")}


def test_the_scripts_are_clean(project: Project) -> None:
    directory = project.path / "deploy/compose"
    program = Path(sys.executable).with_name("shellcheck")
    run(program, "--external-sources", "--source-path=SCRIPTDIR", "--severity=style", *directory.glob("*.sh"))


def test_a_backup_brings_back_what_was_there(
    scripts: Scripts, project: Project, mysql: mysql.Server, database: str, tmp_path: Path
) -> None:
    made = scripts.backup()
    assert {file.name for file in made.iterdir()} == {"database.sql.gz", "SHA256SUMS"}
    tables = mysql.query("SHOW TABLES", "service")
    mysql.query(f"{add('newer')}; DROP TABLE django_session", "service")
    assert "restored: " in scripts.run("restore.sh", "--yes", str(made))
    assert names(mysql) == {"kept"}
    assert mysql.query("SHOW TABLES", "service") == tables
    assert databases(mysql) == {"service"}
    project.poe("migrate", DATABASE_URL=database)  # its user may still change the tables
    with served(project, "serve", tmp_path / "log", DATABASE_URL=database) as url:
        assert '"kept"' in run("curl", "--silent", f"{url}/api/v1/items")


def test_a_restore_that_fails_changes_nothing(scripts: Scripts, mysql: mysql.Server) -> None:
    made = scripts.backup()
    mysql.query(add("newer"), "service")
    assert "still there" in scripts.run("restore.sh", "--yes", str(made), code=1, FAILS="yes")
    assert names(mysql) == {"kept", "newer"}
    (made / "database.sql.gz").write_bytes(b"")
    assert "is damaged" in scripts.run("restore.sh", "--yes", str(made), code=1)
    (made / "SHA256SUMS").write_text(run("sha256sum", "database.sql.gz", cwd=made))
    assert "is not a backup of " in scripts.run("restore.sh", "--yes", str(made), code=1)
    assert names(mysql) == {"kept", "newer"}


def test_a_restore_that_was_killed_can_be_undone(scripts: Scripts, mysql: mysql.Server) -> None:
    """After the tables were exchanged, and before the old ones were deleted."""
    made = scripts.backup()
    mysql.query(add("newer"), "service")
    script = scripts.directory / "restore.sh"
    whole = script.read_text()
    script.write_text(whole.replace("\nfiles exchange\n", "\nkill -KILL $$\n"))
    scripts.run("restore.sh", "--yes", str(made), code=-9)
    assert names(mysql) == {"kept"}
    assert "a restore was killed here" in scripts.run("backup.sh", code=1)
    script.write_text(whole)
    assert "the data from before the restore is back" in scripts.run("restore.sh", "--yes", "--undo")
    assert names(mysql) == {"kept", "newer"}
    assert databases(mysql) == {"service"}
