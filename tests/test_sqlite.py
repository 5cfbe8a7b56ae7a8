"""Django on SQLite: nothing of PostgreSQL is left, and processes share the file while they write, migrate and die."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.projects import Project, ask, parse_all, served, set_up
from tests.tools import render, render_anew, tree

pytestmark = [pytest.mark.slow, pytest.mark.option("sqlite", "postgresql")]
POSTGRESQL = re.compile(r"postgres|psycopg|libpq|squawk|\bpg_|PGOPTIONS|POOL_SIZE|DATABASE_PASSWORD", re.IGNORECASE)
# They say how to move to another database, why a test does not run here, and how the frameworks were measured.
NAMES_IT = {"docs/sqlite.md", "docs/decisions/0001-web-framework.md", "tests/core/test_database.py", "uv.lock"}


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    path = tmp_path_factory.mktemp("sqlite") / "service"
    return set_up(render(template, path, framework="django", database="sqlite", login="none", target=["compose"]))


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_nothing_is_left_of_a_server(template: Path, tmp_path: Path, ci: str) -> None:
    path = render(template, tmp_path / "service", framework="django", database="sqlite", target=["compose"], ci=ci)
    parse_all(path)
    found = {name for name, content in tree(path).items() if POSTGRESQL.search(content.decode())}
    assert found - NAMES_IT == {"tests/core/test_commands.py"}  # a URL that is refused
    with_server = render(template, tmp_path / "other", framework="django", target=["compose"], ci=ci)
    assert "sqlite.md" not in (with_server / "README.md").read_text()


def test_kubernetes_is_refused(template: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Not with sqlite: no shared disk"):
        render_anew(template, tmp_path / "service", framework="django", database="sqlite", target=["kubernetes"])


def test_processes_share_the_file(project: Project, tmp_path: Path) -> None:
    """Requests of two instances with two workers each write at once, and a migration waits for its turn."""
    file = tmp_path / "db.sqlite3"
    variables = {"DATABASE_URL": f"sqlite:///{file}", "WEB_CONCURRENCY": "2"}
    url = variables["DATABASE_URL"]
    project.poe("migrate", DATABASE_URL=url)

    def create(number: int) -> int:
        return ask(f"{urls[number % 2]}/api/v1/items", "POST", {"name": f"item {number}"}).status

    with (
        served(project, "serve", tmp_path / "a", **variables) as first,
        served(project, "serve", tmp_path / "b", **variables) as second,
        ThreadPoolExecutor(8) as threads,
    ):
        urls = first, second
        creating = threads.map(create, range(200))
        project.poe("migrate", DATABASE_URL=url)
        assert set(creating) == {201}
        copy = tmp_path / "copy.sqlite3"
        with project.running(("python", "manage.py", "sqlite", "backup"), variables, copy) as backup:
            assert backup.wait(timeout=60) == 0
    for database in (file, copy):
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT count(*) FROM items_item").fetchone() == (200,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
