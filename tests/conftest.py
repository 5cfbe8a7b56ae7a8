"""What the tests share: the template as a git repository, a PostgreSQL server, and commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId

from tests.postgres import Server, start
from tests.tools import commit_all, copy_working_tree

collect_ignore = ["owner"]  # tests that an owner adds to a rendered project


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets groups of tests stay together: pytest 9.2 does not read what pytest-xdist 3.8 calls a test in a group."""
    for item in items:
        if name := vars(item).get("_nodeid"):
            item._id = NodeId.parse(name)


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An identity for git, no settings of the user's, and no network for whatever renders."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text("[user]\nname = Owner\nemail = owner@example.com\n[init]\ndefaultBranch = main\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    (home / "settings.yml").write_text("{}\n")
    patch.setenv("COPIER_SETTINGS_PATH", str(home / "settings.yml"))
    patch.setenv("COPIER_CACHE_DIR", str(home / "copier"))
    patch.setenv("UV_PYTHON_DOWNLOADS", "never")
    for name in ("DATABASE_URL", "ENVIRONMENT", "VIRTUAL_ENV"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree as a clean git repository: what the next commit would be."""
    clone = tmp_path_factory.mktemp("template") / "groundplan"
    copy_working_tree(clone)
    commit_all(clone, "The template", init=True)
    return clone


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this run's own, on a free port of the loopback address."""
    with start() as server:
        yield server
