"""Measures cold starts of FastAPI in AWS Lambda, `target: serverless`.

cold   From the start of a process to its first answer, an item by its key: with the runtime client of Lambda, whose
       API is a server on this machine. Once with the archive, which is compiled, once with the same files without
       their bytecode, and once as in Mangum's documentation: the application starts and stops for each request.
warm   The next requests of that process.

The processor's time is that of the process; Lambda grants a part of one that depends on the memory. Nothing is
downloaded here, so Lambda's own time to fetch the archive and to start a machine is not included.

It takes about a minute. Needs Linux; PostgreSQL is the machine's, or comes with `uv sync`.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, say  # noqa: E402
from benchmarks.run import processor  # noqa: E402
from tests import postgres  # noqa: E402
from tests.projects import Project, set_up  # noqa: E402
from tests.tools import render_anew  # noqa: E402

STARTS, WARM = 10, 100
UV = str(Path(sys.executable).with_name("uv"))
EACH = '''"""As Mangum's documentation has it: the application starts and stops for each request."""

from mangum import Mangum

from service.main import app

handler = Mangum(app, lifespan="on")
'''
HANDLERS = {
    "the archive": "service.serverless.web.handler",
    "without bytecode": "service.serverless.web.handler",
    "started for each request": "each.handler",
}
IN_PROJECT = Path(__file__).with_name("cold_start_in_project.py")


def main() -> int:
    """Measures, prints a Markdown table, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=STARTS, help="processes of each kind (default: %(default)s)")
    parser.add_argument("--warm", type=int, default=WARM, help="further requests of each (default: %(default)s)")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name, postgres.start() as server:
            print(table(measure(Path(name), server.url, options.starts, options.warm), options.starts, options.warm))
    except FailedError as error:
        print(f"benchmarks/cold_start.py: {error}", file=sys.stderr)
        return 1
    return 0


def measure(scratch: Path, url: str, starts: int, warm: int) -> dict[str, list[dict[str, float]]]:
    """The figures of each start, by kind. The kinds take turns."""
    say("rendering a project, and building its archive")
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    os.environ["GROUNDPLAN_SHARED"] = str(scratch)  # where set_up puts the environment
    given = {"framework": "fastapi", "slug": "service", "target": ["serverless"]}
    project = set_up(render_anew(ROOT, scratch / "service", **given))
    variables: dict[str, Any] = {"DATABASE_URL": url, "ALLOWED_HOSTS": "localhost", "LOG_LEVEL": "WARNING"}
    directories = archives(project, scratch)
    project.run("alembic", "upgrade", "head", **variables)
    project.run("python", "-m", "service.seed", **variables)
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in HANDLERS}
    for number in range(starts):
        say(f"start {number + 1} of {starts}")
        for kind, handler in HANDLERS.items():
            arguments = [str(directories[kind]), handler, str(warm)]
            found[kind].append(json.loads(project.run("python", str(IN_PROJECT), *arguments, **variables)))
    return found


def archives(project: Project, scratch: Path) -> dict[str, Path]:
    """The directory that Lambda would run, by kind."""
    archive = scratch / "service.zip"
    project.run("python", "-c", f"from scripts.archive import *; build(Path({str(archive)!r}))", UV=UV)
    directories = {kind: scratch / str(number) for number, kind in enumerate(HANDLERS)}
    for kind, directory in directories.items():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(directory)
        (directory / "each.py").write_text(EACH)
        if kind == "without bytecode":
            for cache in [*directory.rglob("__pycache__")]:
                shutil.rmtree(cache)
    return directories


def table(found: dict[str, list[dict[str, float]]], starts: int, warm: int) -> str:
    """The results as Markdown."""

    def median(kind: str, figure: str, unit: str) -> str:
        values = sorted(each[figure] for each in found[kind])
        return f"**{statistics.median(values):,.0f}** {unit} ({values[0]:,.0f} to {values[-1]:,.0f})"

    lines = [
        "| | first answer | CPU until then | memory | a further request | its CPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in found:
        cells = [
            median(kind, "cold_ms", "ms"),
            median(kind, "cold_cpu_ms", "ms"),
            f"{statistics.median(each['memory_mib'] for each in found[kind]):,.0f} MiB",
            median(kind, "warm_us", "µs"),
            median(kind, "warm_cpu_us", "µs"),
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += ["", f"Medians of {starts} processes (least to greatest), and of {warm} requests of each; {processor()}."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
