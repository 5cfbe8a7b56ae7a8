"""Versions follow each other on one machine, with changes of the tables, and no client notices."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deployment import stacks
from tests.deployment.engine import Engine
from tests.deployment.stacks import Stack, watch
from tests.load import Load, load
from tests.owner import replace
from tests.postgres import Server
from tests.projects import Project, set_up
from tests.tools import render

pytestmark = [pytest.mark.slow, pytest.mark.option("gunicorn", "granian")]
CLIENTS = 8
# At least so many requests, of which none may be lost.
REQUESTS = {"gunicorn": 20_000, "granian": 4_000, "uvicorn": 20_000}
# What the scripts do with a version that does not start, or has to go back, is tested once for each framework.
ALL_STEPS = {"gunicorn", "uvicorn"}
PAUSE = 0.04  # seconds: with this load, there are that many when the last version is deployed, which it delays little
SERVERS = {"gunicorn": "django", "granian": "django", "uvicorn": "fastapi"}

# What the second version keeps in `label`, the first has in `description`.
MIGRATION = {
    "django": """{comment}from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "{previous}")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL({sql!r})],
            state_operations=[
                migrations.AlterField(
                    "item",
                    "description",
                    models.CharField(blank=True, default="", max_length=1000, db_column="label"),
                )
            ],
        )
    ]
""",
    "fastapi": '''{comment}"""{name}"""

from alembic import op

revision = "{name}"
down_revision = "{previous}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute({sql!r})


def downgrade() -> None:
    raise NotImplementedError
''',
}
FIRST = {"django": "0001_initial", "fastapi": "3e9a4b7d1c52"}
EXPAND = (
    "ALTER TABLE {table} ADD COLUMN label varchar(1000) NOT NULL DEFAULT '', ALTER COLUMN description SET DEFAULT ''"
)
CONTRACT = "ALTER TABLE {table} DROP COLUMN description"
EXCUSE = "# squawk-ignore-file ban-drop-column: no version since v2 knows it\n"
# A version that does not start as the second instance, which is known by its address.
HALF = """
import pathlib, re

if re.search(r"\\b10\\.\\d+\\.\\d+\\.12\\n", pathlib.Path("/proc/net/fib_trie").read_text()):
    raise RuntimeError("this version cannot start twice")
"""
UNSAFE = "ALTER TABLE {table} RENAME COLUMN description TO label"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.xdist_group(f"rolling-{name}"), pytest.mark.in_turn]) for name in SERVERS
    ],
)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def framework(server: str) -> str:
    return SERVERS[server]


@dataclass
class Source:
    """The source, as its versions follow each other."""

    project: Project
    framework: str
    database: str

    def migrate(self, name: str, previous: str, sql: str, comment: str = "") -> Path:
        """Writes a migration."""
        table = {"django": "items_item", "fastapi": "items"}[self.framework]
        directory = {"django": "service/items/migrations", "fastapi": "migrations/versions"}[self.framework]
        text = MIGRATION[self.framework].format(
            name=name, previous=previous, sql=sql.format(table=table), comment=comment
        )
        file = self.project.path / directory / f"{name}.py"
        file.write_text(text)
        return file

    def rename_the_column(self) -> None:
        """The model, as of the second version."""
        models = self.project.path / "service" / "items" / "models.py"
        if self.framework == "django":
            replace(models, 'default="")', 'default="", db_column="label")')
        else:
            replace(models, "mapped_column(String(1000))", 'mapped_column("label", String(1000), server_default="")')

    def call_it(self, version: str) -> None:
        """Lets it answer with another version."""
        main = self.project.path / "service" / stacks.MAIN[self.framework]
        main.write_text(re.sub(r'return "(v\w+|half)"', f'return "{version}"', main.read_text()))

    def lint(self, code: int) -> str:
        """What the pipeline says of its migrations."""
        printed = self.project.poe("--quiet", "lint-migrations", code=code, DATABASE_URL=self.database)
        return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;.*?\x1b\\", "", printed)


@pytest.fixture(scope="module")
def source(
    server: str, framework: str, template: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Source:
    path = tmp_path_factory.mktemp(server) / "service"
    answers = {"server": server} if framework == "django" else {}
    project = set_up(render(template, path, framework=framework, slug="service", target=["compose"], **answers))
    stacks.show_its_version(path, framework)
    return Source(project, framework, postgres.create(f"rolling_{server}"))


@pytest.fixture(scope="module")
def stack(
    source: Source, server: str, framework: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The first version serves; the images of those that follow are there."""
    image = f"groundplan-rolling-{server}-{tmp_path_factory.getbasetemp().name}"
    path = tmp_path_factory.mktemp("machine") / "service"
    shutil.copytree(source.project.path, path, ignore=shutil.ignore_patterns(".venv"))
    stacks.lift_the_limits(path)
    built = []

    def build(version: str) -> None:
        stacks.build(engine, source.project.path, image, version)
        built.append(f"{image}:{version}")

    build("v1")

    unsafe = source.migrate("0002", FIRST[framework], UNSAFE)
    assert "renaming-column" in source.lint(code=1)
    unsafe.unlink()
    source.migrate("0002", FIRST[framework], EXPAND)
    source.lint(code=0)
    source.rename_the_column()
    source.call_it("v2")
    build("v2")

    if server in ALL_STEPS:
        # Only the server loads this file, and not the migrations.
        main = source.project.path / "service" / {"django": "wsgi.py", "fastapi": "main.py"}[framework]
        good = main.read_text()
        main.write_text(good + '\nraise RuntimeError("this version cannot start")\n')
        build("broken")
        main.write_text(good)
        source.call_it("half")
        main.write_text(main.read_text() + HALF)
        build("half")
        main.write_text(good)

    source.migrate("0003", "0002", CONTRACT, EXCUSE)
    source.lint(code=0)
    source.call_it("v3")
    build("v3")
    try:
        with stacks.deployed(stacks.configure(path, framework, image), "v1") as running:
            yield running
    finally:
        engine.run("rmi", "--force", *built)


def test_versions_follow_each_other_and_no_client_notices(stack: Stack, server: str) -> None:
    """Expand, versions that do not start, contract, and back: one load from the first to the last."""
    with load(stack.url, write, clients=CLIENTS, pause=PAUSE) as clients:
        clients.wait_for(100)
        advance(stack, clients, "v1", "v2", "v2")

        if server in ALL_STEPS:
            fail_to_advance(stack, clients)

        advance(stack, clients, "v2", "v3", "v3")
        assert f"{stack.table}|label" in columns(stack)
        assert f"{stack.table}|description" not in columns(stack)
        if server in ALL_STEPS:
            # The version before knows neither the last migration nor a column that is gone.
            advance(stack, clients, "v3", "v2", "--rollback")
            assert stack.recorded("MIGRATED_VERSION") == "v3"
        while len(clients.outcomes) < REQUESTS[server]:
            advance(stack, clients, *(("v2", "v3", "v3") if stack.recorded("VERSION") == "v2" else ("v3", "v2", "v2")))

    statuses = Counter((outcome.method, outcome.status) for outcome in clients.outcomes)
    print(f"rolling: {statuses}")
    assert sum(statuses.values()) >= REQUESTS[server]
    assert clients.failures == [], nginx_says(stack)
    assert set(statuses) == {("POST", 201)}
    # No write is lost, none was done twice.
    assert stack.items() == statuses["POST", 201]


def write(number: int) -> tuple[str, str, object]:
    """A request that may reach the service only once."""
    return "POST", "/api/v1/items", {"name": f"Item {number}", "description": "Something"}


def nginx_says(stack: Stack) -> str:
    """The end of nginx's log, for who wants to know why."""
    return "\n".join(stack.output("logs", "--no-log-prefix", "nginx").splitlines()[-50:])


def advance(stack: Stack, clients: Load, old: str, new: str, argument: str) -> None:
    """Deploys under load, and looks at who answers meanwhile: first the old one, then the new one alone."""
    with watch(stack) as watching:
        stack.script("deploy.sh", argument)
        clients.wait_for(50)
    assert set(watching.seen) == {old, new}, Counter(watching.seen)
    assert set(watching.seen[-5:]) == {new}
    assert (stack.recorded("VERSION"), stack.recorded("PREVIOUS_VERSION")) == (new, old)
    assert clients.failures == [], nginx_says(stack)


def fail_to_advance(stack: Stack, clients: Load) -> None:
    """Deploys versions of which no instance starts, or only the first: v2 serves as before."""
    with watch(stack) as watching:
        printed = stack.script("deploy.sh", "broken", code=1)
        clients.wait_for(50)
    assert "this version cannot start" in printed
    assert "version broken was not deployed; v2 is running" in printed
    assert set(watching.seen) == {"v2"}
    assert stack.recorded("VERSION") == "v2"
    assert clients.failures == [], nginx_says(stack)

    with watch(stack) as watching:
        printed = stack.script("deploy.sh", "half", code=1)
        clients.wait_for(50)
    assert "this version cannot start twice" in printed
    assert re.findall(r"(web-\w): version (\w+)", printed) == [
        *(("web-a", "half"), ("web-b", "half")),
        *(("web-b", "v2"), ("web-a", "v2")),
    ]
    assert "version half was not deployed; v2 is running" in printed
    printed = stack.script("deploy.sh", "--rollback", code=1)
    assert re.search(r"nothing to roll back after .*failed deployment.*: bash deploy.sh v2\n", printed)
    assert "half" in watching.seen
    assert set(watching.seen[-5:]) == {"v2"}
    assert clients.failures == [], nginx_says(stack)


def columns(stack: Stack) -> list[str]:
    """Every column: its table's name and its own."""
    return stack.query("SELECT table_name, column_name FROM information_schema.columns").split()
