"""What the tests of deployment share: the container engine, and an image of each framework's project."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deployment.engine import Engine, missing
from tests.tools import FRAMEWORKS, render, shared


@dataclass(frozen=True)
class Image:
    """The image of a rendered project, from the default answers."""

    framework: str
    project: Path
    tag: str


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that `docker` reaches. GROUNDPLAN_ENGINE=required makes its absence a failure."""
    if problem := missing():
        reason = f"No container engine: {problem}. Start Docker, or see `scripts/engine.sh`."
        if os.environ.get("GROUNDPLAN_ENGINE") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return Engine()


class Images:
    """The images of this run: each is built once, whichever worker needs it first, and removed by the last."""

    def __init__(self, engine: Engine, template: Path, own: Path, shared: Path, run: str) -> None:
        self._engine, self._template, self._own, self._shared, self._run = engine, template, own, shared, run
        self._made: dict[str, Image] = {}

    def __call__(self, framework: str) -> Image:
        """The image of a framework's project."""
        if framework not in self._made:
            project = render(self._template, self._own / framework, framework=framework)
            image = Image(framework, project, f"groundplan-{framework}:{self._run}")
            with self._users(framework) as users:
                if not users:
                    self._engine.build(project, image.tag)
                users.append(str(os.getpid()))
            self._made[framework] = image
        return self._made[framework]

    def remove(self) -> None:
        """Removes those that no other worker uses."""
        for framework, image in self._made.items():
            with self._users(framework) as users:
                users.remove(str(os.getpid()))
                if not users:
                    self._engine.run("rmi", "--force", image.tag)

    @contextlib.contextmanager
    def _users(self, framework: str) -> Iterator[list[str]]:
        """Who uses an image; nobody else looks until the block ends."""
        with (self._shared / f"users-of-{framework}").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            users = file.read().split()
            yield users
            file.truncate(0)
            file.write(" ".join(users))


@pytest.fixture(scope="session")
def images(engine: Engine, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """The images of both frameworks: `images("django")` builds it, unless another test did."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")[:12]
    images = Images(engine, template, tmp_path_factory.mktemp("image"), shared(), run)
    yield images
    images.remove()


# One worker for each framework, so that only that worker starts the containers which the framework's tests share.
@pytest.fixture(scope="session", params=[pytest.param(f, marks=pytest.mark.xdist_group(f)) for f in FRAMEWORKS])
def image(images: Images, request: pytest.FixtureRequest) -> Image:
    """The image of each framework in turn."""
    return images(request.param)
