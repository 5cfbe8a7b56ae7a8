"""The script that starts a container engine: its images, and its style.

The script runs if `.ci/run` finds no engine; then all other tests in this directory test it as well.
"""

import re
import sys
from pathlib import Path

import pytest

from tests.tools import FRAMEWORKS, ROOT, render, run

SCRIPT = ROOT / "scripts" / "engine.sh"
IMAGE = re.compile(r"^(?:FROM|\s*image:) \"?([\w./-]+:[\w.-]+)\"?(?: AS \w+)?$", re.MULTILINE)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_there_is_a_stand_in_for_each_image_that_a_project_starts_from(
    framework: str, template: Path, tmp_path: Path
) -> None:
    project = render(template, tmp_path / "service", framework=framework, target=["compose"])
    files = [project / "Dockerfile", *project.glob("*compose*.y*ml"), *project.glob("deploy/compose/*.y*ml")]
    named = {image for file in files for image in IMAGE.findall(file.read_text())}
    stand_ins = set(re.findall(r"(?:PYTHON|NGINX|POSTGRES)=(\S+)", SCRIPT.read_text()))
    assert named
    assert named <= stand_ins


def test_the_scripts_are_written_with_care() -> None:
    scripts = [SCRIPT, *sorted((ROOT / "scripts" / "engine").glob("*.sh")), ROOT / ".ci" / "run"]
    run(Path(sys.executable).with_name("shellcheck"), *scripts)
