"""Render the working tree for one combination of answers, and run the checks of that project.

    uv run poe one framework=django target=kubernetes

Other answers are defaults. If a check fails, the project is kept.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from groundplan import interpreters
from tests.tools import commit_all, copy_working_tree

UV = str(Path(sys.executable).with_name("uv"))


def main() -> int:
    """Render, install and check, and return the exit code of the step that failed, or 0."""
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        return 0
    directory = Path(tempfile.mkdtemp(prefix="groundplan-"))
    template, project = directory / "template", directory / "service"
    copy_working_tree(template)
    commit_all(template, "The working tree", init=True)
    new = [sys.executable, "-m", "groundplan", "new", str(project), "--template", str(template)]
    data = [f"--data={answer}" for answer in sys.argv[1:]]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if python := interpreters.find():
        environment["UV_PYTHON"] = python
    for command, cwd in (
        ([*new, "--defaults", "--quiet", *data], directory),
        ([UV, "sync", "--locked", "--quiet"], project),
        ([str(project / ".venv" / "bin" / "poe"), "check"], project),
    ):
        if code := subprocess.run(command, cwd=cwd, env=environment).returncode:
            if project.exists():
                print(f"The project is in {project}")
            else:
                shutil.rmtree(directory)
            return code
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
