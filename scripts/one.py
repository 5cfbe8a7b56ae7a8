"""Render the working tree for one combination of answers, and run the checks of that project.

    uv run poe one framework=django target=kubernetes

Other answers are defaults. If a check fails, the project is kept.
"""

import contextlib
import os
import shutil
import signal
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
    data = [f"--data={answer}" for answer in sys.argv[1:]]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if python := interpreters.find():
        environment["UV_PYTHON"] = python
    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="groundplan-"))
        stack.callback(shutil.rmtree, directory)
        template, project = directory / "template", directory / "service"
        copy_working_tree(template)
        commit_all(template, "The working tree", init=True)
        new = [sys.executable, "-m", "groundplan", "new", str(project), "--template", str(template)]
        for command, cwd in (
            ([*new, "--defaults", "--quiet", *data], directory),
            ([UV, "sync", "--locked", "--quiet"], project),
            ([str(project / ".venv" / "bin" / "poe"), "check"], project),
        ):
            if code := subprocess.run(command, cwd=cwd, env=environment).returncode:
                if project.exists():
                    print(f"The project is in {project}")
                    stack.pop_all()
                return code
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
