"""The image."""

from tests.deployment.conftest import Image
from tests.deployment.engine import Engine


def test_it_runs(engine: Engine, image: Image) -> None:
    assert engine.once(image.tag, "id", "-u", "-n", code=1)  # by number: it has no name there
