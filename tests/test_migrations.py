"""Migrations meet a busy PostgreSQL, each other, and the linter that keeps dangerous ones out."""

import contextlib
import itertools
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.subject import eventually
from tests.owner import replace
from tests.postgres import Server, start
from tests.projects import Project, set_up
from tests.tools import FRAMEWORKS, render

pytestmark = [pytest.mark.slow]
PATIENT = (0.2,) * 200  # pauses between attempts
HASTY = (0.01, 0.01)

# Each framework's own command, in a process whose limits are those of a test.
COMMANDS = {
    "django": """
os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "migrate"])
""",
    "fastapi": """
import alembic.config
alembic.config.main(["upgrade", "head"])
""",
}
PROGRAM = """
import os, sys
sys.path.insert(0, "")
try:
    from migrations import locking
except ImportError:
    from service.safe_migrations import locking
assert "lock_timeout = '1s'" in locking.MIGRATION_LIMITS
locking.MIGRATION_LIMITS = locking.MIGRATION_LIMITS.replace("'1s'", "'{lock_timeout}'")
locking.retry.__defaults__ = ({pauses!r},)
"""
APPLIED = re.compile(r"Applying items\.0002.* OK|Running upgrade \S+ -> 0002")
RETRIED, WAITS = "migration will be retried", "waiting for another migration"

MIGRATION = {
    "django": """
from django.db import connection, migrations, models
from {package}.safe_migrations.operations import AddForeignKey, AddIndexConcurrently

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("items", "{previous}")]
    operations = [{body}]
""",
    "fastapi": """
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = "{previous}"

def upgrade() -> None:
    {body}
""",
}
FIRST = {"django": "0001_initial", "fastapi": "3e9a4b7d1c52"}

PARENT = '"item", "parent", models.ForeignKey("items.Item", models.PROTECT, null=True, db_index=False)'
COLUMN = """with op.batch_alter_table("items") as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.BigInteger()))
        batch_op.create_foreign_key("parent", "items", ["parent_id"], ["id"]{options})"""
VALIDATE = """if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE items VALIDATE CONSTRAINT parent")"""

# What Squawk says of it, and how it is written in each framework.
UNSAFE = [
    ("required", {"adding-required-field"}, "", 'op.add_column("items", sa.Column("a", sa.Integer(), nullable=False))'),
    # Django drops the default again, so that the running version can insert no more.
    ("default", {"ban-drop-default"}, 'migrations.AddField("item", "b", models.IntegerField(default=3))', ""),
    (
        "drop",
        {"ban-drop-column"},
        'migrations.RemoveField("item", "description")',
        'op.drop_column("items", "description")',
    ),
    (
        "index",
        {"require-concurrent-index-creation"},
        'migrations.AddIndex("item", models.Index(fields=["quantity"], name="quantity"))',
        'op.create_index("quantity", "items", ["quantity"])',
    ),
    (
        "rename",
        {"renaming-column"},
        'migrations.RenameField("item", "quantity", "stock")',
        'op.alter_column("items", "quantity", new_column_name="stock")',
    ),
    (
        "type",
        {"changing-column-type"},
        'migrations.AlterField("item", "name", models.TextField(unique=True))',
        'op.alter_column("items", "name", type_=sa.Text())',
    ),
    (
        "check",
        {"constraint-missing-not-valid"},
        'migrations.AddConstraint("item", models.CheckConstraint(condition=models.Q(name__gt=""), name="named"))',
        'op.create_check_constraint("named", "items", "name > \'\'")',
    ),
    ("key", {"adding-foreign-key-constraint"}, f"migrations.AddField({PARENT})", COLUMN.format(options="")),
]
SAFE = [
    (
        "nullable",
        'migrations.AddField("item", "c", models.IntegerField(null=True))',
        'op.add_column("items", sa.Column("c", sa.Integer()))',
    ),
    (
        "default",
        'migrations.AddField("item", "d", models.IntegerField(db_default=3))',
        'op.add_column("items", sa.Column("d", sa.Integer(), nullable=False, server_default="3"))',
    ),
    (
        "table",
        'migrations.CreateModel("Shelf", [("id", models.BigAutoField(primary_key=True)), '
        '("x", models.IntegerField(db_index=True))])',
        'op.create_table("shelf", sa.Column("x", sa.Integer(), nullable=False, index=True))',
    ),
    (
        "index",
        'AddIndexConcurrently("item", models.Index(fields=["c"], name="by_c"))',
        "with op.get_context().autocommit_block():\n        "
        'op.create_index("by_c", "items", ["c"], postgresql_concurrently=True)',
    ),
    ("key", f"AddForeignKey({PARENT})", COLUMN.format(options=", postgresql_not_valid=True")),
    ("validate", "", VALIDATE),
]


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"migrations-{name}")) for name in FRAMEWORKS],
)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def installed(framework: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return set_up(render(template, tmp_path_factory.mktemp(framework) / "service", framework=framework, slug="service"))


@pytest.fixture
def project(installed: Project, tmp_path: Path) -> Project:
    """A copy, to which a test may add migrations."""
    return installed.copy(tmp_path / "service")


@pytest.fixture
def write(framework: str, project: Project) -> Callable[..., Path]:
    """Writes another migration of the items and returns its file."""
    previous = FIRST[framework]

    def add(name: str, django: str = "", fastapi: str = "pass", comment: str = "") -> Path:
        nonlocal previous
        body = {"django": django, "fastapi": fastapi}[framework]
        text = MIGRATION[framework].format(
            package="service", name=name, previous=previous, body=body, atomic="oncurrently" not in body
        )
        previous = name
        directory = {"django": "service/items/migrations", "fastapi": "migrations/versions"}[framework]
        file = project.path / directory / f"{name}.py"
        file.write_text(comment + text)
        return file

    return add


@pytest.fixture
def url(framework: str, postgres: Server, request: pytest.FixtureRequest) -> str:
    """A new database with the tables of the first migrations."""
    return postgres.create(f"migrations_{abs(hash(request.node.nodeid))}")


def lint(project: Project, url: str, code: int) -> str:
    printed = project.poe("--quiet", "lint-migrations", code=code, DATABASE_URL=url)
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;.*?\x1b\\", "", printed)


def test_unsafe_migrations_are_named(framework: str, project: Project, write: Callable[..., Path], url: str) -> None:
    expected = set()
    for number, (name, rules, *bodies) in enumerate(UNSAFE, start=2):
        if bodies[FRAMEWORKS.index(framework)]:
            file = write(f"{number:04}_{name}", *bodies).relative_to(project.path).with_suffix("")
            expected |= {(rule, str(file)) for rule in rules}
    if framework == "django":  # also in an app outside the package
        project.run("python", "manage.py", "startapp", "stock")
        replace(project.package / "settings.py", "INSTALLED_APPS = [", 'INSTALLED_APPS = ["stock",')
        body = """migrations.RunSQL("ALTER TABLE items_item ADD COLUMN sold integer NOT NULL")"""
        text = MIGRATION["django"].format(package="service", previous=FIRST["django"], body=body, atomic=True)
        (project.path / "stock/migrations/0001_initial.py").write_text(text)
        expected.add(("adding-required-field", "stock/migrations/0001_initial"))
    printed = lint(project, url, code=1)
    found = re.findall(r"(?:warning|error)\[?[^a-z]*([a-z-]+)\]?:.*\n\s*╭▸ (\S+)\.sql:", printed)
    assert expected <= set(found), printed
    assert "docs/migrations.md" in printed
    assert {file for _, file in found} == {file for _, file in expected}


def test_safe_ones_pass_and_can_be_applied(
    framework: str, project: Project, write: Callable[..., Path], url: str, postgres: Server
) -> None:
    for number, (name, *bodies) in enumerate(SAFE, start=2):
        if bodies[FRAMEWORKS.index(framework)]:
            write(f"{number:04}_{name}", *bodies)
    lint(project, url, code=0)
    for address in (url, "sqlite:///./safe.sqlite3"):
        project.poe("migrate", DATABASE_URL=address)
    assert "by_c" in postgres.dump(url)


def test_an_extension_is_linted(framework: str, project: Project, write: Callable[..., Path], url: str) -> None:
    """Django's operations for PostgreSQL ask the database."""
    operations = "__import__('django.contrib.postgres.operations').contrib.postgres.operations"
    write("0002_trigram", f"{operations}.TrigramExtension()", 'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")')
    lint(project, url, code=0)


def test_a_comment_excuses_one_rule(framework: str, project: Project, write: Callable[..., Path], url: str) -> None:
    _, (rule,), *bodies = UNSAFE[2]
    comment = f"# squawk-ignore-file {rule}: no version since 1.4 reads it\n"
    write("0002_drop", *bodies, comment=comment)
    lint(project, url, code=0)
    write("0003_index", *UNSAFE[3][2:], comment=comment)
    lint(project, url, code=1)


def test_check_includes_it(framework: str, project: Project) -> None:
    poe = (project.path / "poe_tasks.toml").read_text()
    assert '"lint-migrations",' in poe.partition("[tasks.check]")[2]


# Against PostgreSQL


@contextlib.contextmanager
def locked(server: Server, url: str) -> Iterator[None]:
    """Another session uses the table of items until the block ends."""
    table = server.query("SELECT relname FROM pg_class WHERE relname IN ('items', 'items_item')", url).strip()
    with server.holding(f"LOCK TABLE {table} IN ACCESS SHARE MODE", url):
        yield


@dataclass(frozen=True)
class Migration:
    """A process that migrates."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def printed(self) -> str:
        return self.log.read_text()

    @property
    def applied(self) -> int:
        return len(APPLIED.findall(self.printed))

    def said(self, text: str) -> int:
        return self.printed.count(text)

    def end(self) -> int:
        return self.process.wait(timeout=60)

    def fails(self, *words: str) -> None:
        """It ends with one line that has these words, and no traceback."""
        assert self.end() == 1, self.printed
        last = self.printed.splitlines()[-1]
        assert all(word in last for word in words), self.printed
        assert "Traceback" not in self.printed


@contextlib.contextmanager
def migrating(
    project: Project, url: str, log: Path, pauses: object = (1, 2, 4, 8), lock_timeout: str = "1s"
) -> Iterator[Migration]:
    """Starts a process that migrates, and kills it at the end of the block if it still runs."""
    framework = "django" if (project.path / "manage.py").exists() else "fastapi"
    program = PROGRAM.format(lock_timeout=lock_timeout, pauses=pauses) + COMMANDS[framework]
    command = ["python", "-c", program]
    with project.running(command, {"DATABASE_URL": url}, log, by=signal.SIGKILL, clean=False) as process:
        yield Migration(process, log)


@pytest.fixture
def migrate(project: Project, url: str, tmp_path: Path) -> Iterator[Callable[..., Migration]]:
    """Starts a process that migrates; a first one has made the first tables."""
    numbers = itertools.count()
    with contextlib.ExitStack() as block:

        def begin(address: str = url, **options: Any) -> Migration:
            return block.enter_context(migrating(project, address, tmp_path / f"log-{next(numbers)}", **options))

        first = begin()
        assert first.end() == 0, first.printed
        yield begin


def columns(server: Server, url: str) -> str:
    return server.query("SELECT attname FROM pg_attribute WHERE attname IN ('c', 'd') AND attnum > 0", url).strip()


def test_of_two_at_once_one_waits(
    url: str, postgres: Server, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    write("0002_nullable", *SAFE[0][1:])
    with locked(postgres, url):
        both = [migrate(lock_timeout="60s"), migrate(lock_timeout="60s")]
        assert eventually(lambda: both[0].said(WAITS) or both[1].said(WAITS), 60)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert eventually(lambda: "1" in postgres.query(waiting), 60)
        assert not [one for one in both if one.process.poll() is not None]
    assert [one.end() for one in both] == [0, 0]
    assert sorted(one.applied for one in both) == [0, 1]
    assert columns(postgres, url) == "c"


def test_a_lock_that_is_released_is_waited_for(
    url: str, postgres: Server, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    write("0002_nullable", *SAFE[0][1:])
    with locked(postgres, url):
        migration = migrate(lock_timeout="100ms", pauses=PATIENT)
        assert eventually(lambda: migration.said(RETRIED) > 1, 60)
    assert migration.end() == 0
    assert columns(postgres, url) == "c"


def test_a_lock_that_is_never_released_ends_it(
    url: str, postgres: Server, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    write("0002_nullable", *SAFE[0][1:])
    before = postgres.dump(url)
    with locked(postgres, url):
        migration = migrate(lock_timeout="100ms", pauses=HASTY)
        migration.fails("canceling statement due to lock timeout")
    assert migration.said(RETRIED) == len(HASTY)
    assert postgres.dump(url) == before


def test_a_killed_migration_leaves_no_lock(
    url: str, postgres: Server, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    write("0002_nullable", *SAFE[0][1:])
    with locked(postgres, url):
        killed = migrate(lock_timeout="60s")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'ALTER'"
        assert eventually(lambda: postgres.query(waiting).strip() == "1", 60)
        killed.process.send_signal(signal.SIGKILL)
        second = migrate()
        assert eventually(lambda: second.said(WAITS), 60)  # PostgreSQL still works for the first
    assert second.end() == 0
    assert columns(postgres, url) == "c"


def test_a_version_that_came_back_leaves_what_a_later_one_did(
    url: str, postgres: Server, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    later = write("0002_nullable", *SAFE[0][1:])
    assert migrate().end() == 0
    later.unlink()
    assert migrate().end() == 0
    assert columns(postgres, url) == "c"


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        (('migrations.RunSQL("SELECT 1 / 0")', 'op.execute("SELECT 1 / 0")'), "division by zero"),
        (("migrations.RunPython(lambda *_: {}[0])", "{}[0]"), "KeyError"),
    ],
)
def test_a_mistake_is_reported_and_not_repeated(
    bodies: tuple[str, str], reason: str, write: Callable[..., Path], migrate: Callable[..., Migration]
) -> None:
    write("0002_mistake", *bodies)
    migration = migrate(pauses=HASTY)
    assert migration.end() == 1
    assert reason in migration.printed
    assert "0002_mistake" in migration.printed
    assert ("Traceback" in migration.printed) is (reason == "KeyError"), "a bug has one, the database's refusal none"
    assert not migration.said(RETRIED)


def test_a_refused_login_is_reported_without_the_password(migrate: Callable[..., Migration], url: str) -> None:
    migration = migrate(url.replace("postgres@", "stranger:hunter2@"), pauses=HASTY)
    migration.fails("stranger")
    assert "hunter2" not in migration.printed


def test_a_database_that_starts_later_is_waited_for(project: Project, tmp_path: Path) -> None:
    with start() as server:
        url = server.create("later")
        with contextlib.ExitStack() as block:
            with server.stopped():
                migration = block.enter_context(migrating(project, url, tmp_path / "log", pauses=PATIENT))
                assert eventually(lambda: migration.said(RETRIED), 60)
            assert migration.end() == 0, migration.printed
        assert "items" in server.dump(url)


def test_two_branches_can_be_merged(framework: str, project: Project, url: str) -> None:
    """Two developers each write a migration after the same one. Django numbers them, and merges them by a command."""
    models = next(project.path.glob("*/items/models.py"))
    before = models.read_text()
    directory = {"django": "service/items/migrations", "fastapi": "migrations/versions"}[framework]
    written: list[dict[str, str]] = []
    migrated(project, url)
    for name in ("colour", "weight"):
        models.write_text(with_column(framework, before, name))
        existing = set((project.path / directory).glob("*.py"))
        message = [f"add {name}"] if framework == "fastapi" else []
        project.poe("migrations", *message, DATABASE_URL=url)
        (new,) = set((project.path / directory).glob("*.py")) - existing
        written.append({new.name: new.read_text()})
        new.unlink()
    models.write_text(with_column(framework, with_column(framework, before, "colour"), "weight"))
    assert set(written[0]).isdisjoint(written[1]), "git would not even merge them"
    for file, text in (item for each in written for item in each.items()):
        (project.path / directory / file).write_text(text)
    merge = {
        "django": ("python", "manage.py", "makemigrations", "--merge", "--noinput"),
        "fastapi": ("alembic", "merge", "heads", "-m", "merge"),
    }
    project.run(*merge[framework], DATABASE_URL=url)
    migrated(project, url)


def with_column(framework: str, models: str, name: str) -> str:
    """The items with one more column."""
    line = {
        "django": f"    {name} = models.IntegerField(null=True)\n",
        "fastapi": f"    {name}: Mapped[int | None]\n",
    }
    head, quantity, tail = models.partition("    quantity")
    return head + line[framework] + quantity + tail


def migrated(project: Project, url: str) -> str:
    """A database that has what has been written so far."""
    project.poe("migrate", DATABASE_URL=url)
    return url
