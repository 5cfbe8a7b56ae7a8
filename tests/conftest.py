"""What the tests share: the template as a git repository, a PostgreSQL server, and commands."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from hypothesis import settings

from tests import mysql as mysql_servers
from tests import redis as redis_servers
from tests.postgres import Server, start
from tests.tools import TURNS, commit_all, copy_working_tree, made_once, shared, turn

collect_ignore = ["owner"]  # tests that an owner adds to a rendered project

# What a shell starts in the background ignores SIGINT, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: how long an example takes depends on what else the machine does.
settings.register_profile("groundplan", deadline=None)
settings.load_profile("groundplan")


# The groups of tests, and the files, that take longest. Their first comes first, as the rest fills the time until the
# last worker ends; a long one that comes last would be waited for. The tests of compose.yaml wait most of their time,
# and the rolling deployments keep both cores busy, so they alternate.
LONGEST = (
    *("compose-django", "rolling-gunicorn", "rolling-granian", "compose-fastapi", "rolling-uvicorn"),
    *("deployment/test_pipeline_runs.py", "test_rendered.py", "conformance/", "deployment/test_nginx.py"),
    *("test_update.py", "test_migrations.py", "deployment/test_image.py", "test_hostile.py", "test_install.py"),
    *("test_update_options.py", "test_problems.py", "test_rows.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option for tests that take turns."""
    parser.addoption(
        "--everything",
        action="store_true",
        help="run all tests that take turns; without it, every fourth runs, and the others after the next commits",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than there are cores: for a third of the time, a test waits for a server or a container."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1


def skip_those_of_later_commits(items: list[pytest.Item]) -> None:
    """Of the tests of each file that take turns, skips three quarters."""
    skip = pytest.mark.skip(reason="runs after one of the next three commits, or with --everything")
    now = turn()
    in_turn = [item for item in items if item.get_closest_marker("in_turn")]
    for _, those in itertools.groupby(in_turn, lambda item: item.path):
        for number, item in enumerate(those):
            if number % TURNS != now:
                item.add_marker(skip)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Lets groups of tests stay together, and orders them for several workers; some tests take turns."""
    if not config.getoption("everything") and not any("::" in argument for argument in config.args):
        skip_those_of_later_commits(items)
    yield
    for item in items:  # pytest 9.2 does not read what pytest-xdist 3.8 calls a test in a group
        if name := vars(item).get("_nodeid"):
            item._id = NodeId.parse(name)

    def place(item: pytest.Item) -> tuple[bool, int]:
        file = os.path.relpath(item.path, Path(__file__).parent)
        groups = [mark.args[0] for mark in item.iter_markers("xdist_group")]
        ranks = (rank for rank, name in enumerate(LONGEST) if file.startswith(name) or name in groups)
        return item.get_closest_marker("slow") is None, next(ranks, len(LONGEST))

    items.sort(key=place)


MEMORY = Path("/dev/shm")  # noqa: S108 - each worker makes a directory of its own in it


def memory_has_room() -> bool:
    """Whether temporary files may be in memory: not where a container has the usual 64 MB."""
    if not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= 4 * 2**30 and not found.f_flag & os.ST_NOEXEC


@pytest.fixture(scope="session", autouse=True)
def _temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Temporary files in memory, if there is room: each update by Copier writes thousands, and removes them.

    What a test keeps is on the disk, in `tmp_path`.
    """
    tmp_path_factory.getbasetemp()  # pytest's own is in the usual place
    if "TMPDIR" in os.environ or not memory_has_room():
        yield
        return
    directory = tempfile.mkdtemp(prefix="groundplan-", dir=MEMORY)
    Path(directory).chmod(0o755)  # PostgreSQL does not run as root
    patch = pytest.MonkeyPatch()
    patch.setenv("TMPDIR", directory)
    patch.setattr(tempfile, "tempdir", directory)
    yield
    patch.undo()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An identity for git, none of the user's settings, and no network for rendering."""
    own = tmp_path_factory.getbasetemp()
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text("[user]\nname = Owner\nemail = owner@example.com\n[init]\ndefaultBranch = main\n")
    patch = pytest.MonkeyPatch()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # each worker's directory is in the run's
    (run / "shared").mkdir(exist_ok=True)
    patch.setenv("GROUNDPLAN_SHARED", str(run / "shared"))
    patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    (home / "settings.yml").write_text("{}\n")
    patch.setenv("COPIER_SETTINGS_PATH", str(home / "settings.yml"))
    patch.setenv("COPIER_CACHE_DIR", str(home / "copier"))
    patch.setenv("UV_PYTHON_DOWNLOADS", "never")
    for name in ("DATABASE_URL", "ENVIRONMENT", "REDIS_URL", "VIRTUAL_ENV"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def template() -> Path:
    """The working tree as a clean git repository: what the next commit would be. No test changes it."""

    def make(clone: Path) -> None:
        copy_working_tree(clone)
        commit_all(clone, "The template", init=True)

    return made_once(shared() / "template" / "groundplan", make)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this run's own, on a free port of the loopback address."""
    with start() as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[mysql_servers.Server]:
    """A MariaDB server of this run's own, on a free port of the loopback address."""
    with mysql_servers.start() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[redis_servers.Server]:
    """A Redis server of this run's own, on a free port of the loopback address."""
    with redis_servers.start() as server:
        yield server
