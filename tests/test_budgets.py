"""What a rendered project may cost its owner: lines to own, and nothing that breaks with another package's release."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests import private_names
from tests.private_names import DOCUMENTED
from tests.projects import PYTHON, Project, set_up
from tests.tools import FRAMEWORKS, render, run

CORE = 1000  # lines of Python per framework
SHELL = 500  # lines of shell under deploy/ per project
# The options with the most code.
ALL_OF_DJANGO = {"login": "allauth", "admin": "django", "media": "s3"}
ALL_OF_FASTAPI = {"auth": "jwt", "data": "sqlmodel", "admin": "starlette_admin", "live": "websocket"}
MOST = [("django", ALL_OF_DJANGO), ("django", ALL_OF_DJANGO | {"api": "drf"}), ("fastapi", ALL_OF_FASTAPI)]
Rendered = Callable[[str, str], Path]  # by framework and ci

# Runs in the project: private attributes in the bodies of its classes that a base of another package has as well.
OVERRIDDEN = """
import ast, importlib, inspect, json, pathlib, sys

package, documented = sys.argv[1], set(sys.argv[2:])
if pathlib.Path("manage.py").exists():
    import os
    import django
    os.environ["DJANGO_SETTINGS_MODULE"] = f"{package}.settings"
    django.setup()


def private(node):
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    names = [getattr(target, "id", getattr(target, "name", "")) for target in targets]
    return [name for name in names if name.startswith("_") and not name.endswith("_") and name not in documented]


found, classes = [], 0
for path in sorted(pathlib.Path(package).rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if not all(part.isidentifier() for part in name.split(".")):
        continue  # Django's migrations
    tree = ast.parse(path.read_text())
    module = importlib.import_module(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and hasattr(module, node.name):
            classes += 1
            foreign = [base for base in getattr(module, node.name).__mro__[1:]
                       if base.__module__.partition(".")[0] != package]
            for member in (name for child in node.body for name in private(child)):
                found += [f"{path}: {node.name}.{member} of {base}" for base in foreign if member in vars(base)]
print("RESULT", json.dumps([classes, found]))
"""


def overridden(project: Project) -> list[str]:
    """Every private name that a class of the project takes from a base of another package and replaces."""
    package = project.package.name
    printed = project.run("python", "-c", OVERRIDDEN, package, *DOCUMENTED)
    classes, found = json.loads(printed.rpartition("RESULT ")[2])
    assert classes > 10
    return [str(each) for each in found]


def python_files(project: Path) -> list[Path]:
    """The project's own code, without its tests and load tests."""
    files = (
        path
        for path in sorted(project.rglob("*.py"))
        if not {".venv", "tests", "loadtests"} & {*path.relative_to(project).parts}
    )
    return [path for path in files if path.name != "conftest.py"]


def shell_files(directory: Path) -> list[Path]:
    """The shell scripts in a directory, also those with other names than *.sh."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return [path for path in files if path.suffix in {".sh", ".bash"} or re.match(rb"#!.*sh\b", path.read_bytes())]


def lines(files: list[Path]) -> dict[Path, int]:
    """How many lines each of some files has."""
    return {path: path.read_text().count("\n") for path in files}


@pytest.fixture(scope="module")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Projects with everything that a project can be deployed to."""

    @cache
    def project(framework: str, ci: str) -> Path:
        destination = tmp_path_factory.mktemp(f"{framework}-{ci}") / "service"
        most = {"media": "local"} if framework == "django" else {}  # has the most shell
        return render(template, destination, framework=framework, target=["compose", "kubernetes"], ci=ci, **most)

    return project


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "options"), MOST)
def test_the_core_can_be_owned(framework: str, options: dict[str, str], template: Path, tmp_path: Path) -> None:
    project = render(template, tmp_path / "service", framework=framework, **options)
    found = lines(sorted(next(project.glob("*/core/about.py")).parent.rglob("*.py")))
    assert sum(found.values()) <= CORE, found


@pytest.mark.slow
@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_little_is_written_in_shell(framework: str, ci: str, rendered: Rendered) -> None:
    found = lines(shell_files(rendered(framework, ci) / "deploy"))
    assert found
    assert sum(found.values()) <= SHELL, found


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "options"), MOST)
def test_no_private_name_of_another_package_is_used(
    framework: str, options: dict[str, str], template: Path, tmp_path: Path
) -> None:
    files = python_files(render(template, tmp_path / "service", framework=framework, **options))
    assert len(files) > 20
    assert json.loads(run(PYTHON, private_names.__file__, *files)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_private_name_of_another_package_is_overridden(framework: str, rendered: Rendered) -> None:
    """And the check finds one that is: in a class that an owner might write."""
    project = set_up(rendered(framework, "github"))
    assert overridden(project) == []
    mutant = next(project.path.glob("*/core/about.py"))
    mutant.write_text(mutant.read_text() + MUTANT)
    assert [re.sub(r" of .*", "", each) for each in overridden(project)] == [
        f"{mutant.relative_to(project.path)}: Quiet._log"
    ]


MUTANT = """
import logging


class Quiet(logging.Logger):
    _own = True

    def _log(self, *args: object, **kwargs: object) -> None:
        pass
"""


@pytest.mark.parametrize(
    "source",
    [
        "response.headers._store",
        "import logging\nlogging._levelToName",
        "server._arbiter = 1",
        "del app._routes",
        "import _thread",
        "import copier._main",
        "from starlette._utils import is_async_callable",
        "from ninja import _router",
        'getattr(app, "_get_bound_routers")()',
        'setattr(app, "_stack", None)',
        "import gunicorn.arbiter\ngunicorn.arbiter = None",
        "from uvicorn import Server\nServer.run = print",
        'import uvicorn\nsetattr(uvicorn, "run", print)',
    ],
)
def test_the_check_finds_private_names(source: str) -> None:
    assert len(private_names.private_names(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def f(self, cls):\n        return self._x, cls._y, super()._z, A._w",
        "Item._meta.get_fields()",
        "row._asdict()",
        "value.__class__.__name__",
        "from __future__ import annotations",
        "from ._private import _name",
        "from django.utils.translation import gettext as _",
        "_private = 1\n_private + 1",
        'getattr(app, "routes")',
        "import os\nos.environ['A'] = 'b'",
        "from .main import app\napp.title = 'x'",
    ],
)
def test_the_check_leaves_other_names(source: str) -> None:
    assert private_names.private_names(source) == []
