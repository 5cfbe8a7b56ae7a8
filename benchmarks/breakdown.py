"""Measures what each part of a rendered project adds to a request without a database.

The application is called in its process, without a server: first the bare framework, then the project without the
template's middleware, then with one more of it each time, and at last with a tenth of the requests recorded and
exported. The figure is the CPU time for each request: the least of several batches, which other work on the machine
disturbs least.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks.collector import collecting, tracing  # noqa: E402
from benchmarks.subjects import SECRET_KEY, Subject, subjects  # noqa: E402
from tests import postgres  # noqa: E402

HERE = Path(__file__).parent
# In the order in which they are added: from the endpoint outwards.
MIDDLEWARE = {
    "django": ["ApiMethodsMiddleware", "HealthMiddleware", "RequestIdMiddleware", "TelemetryMiddleware"],
    "fastapi": ["AllowedHosts", "SecurityHeaders", "RequestContext", "Metrics", "RequestLog"],
}


def main() -> None:
    """Prints a table for each framework."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", action="append", choices=MIDDLEWARE, help="only this one")
    parser.add_argument("--project", action="append", type=Path, help="measure this rendered project; may be repeated")
    parser.add_argument("--batches", type=int, default=25, help="of requests, of which the least counts; %(default)s")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as scratch,
        postgres.start() as server,
        collecting(Path(scratch) / "collector.log") as collector,
    ):
        for number, subject in enumerate(subjects(options, Path(scratch))):
            figures = measured(subject, server.create(f"breakdown_{number}"), collector, options.batches)
            print(f"\n| {subject.framework} | CPU per request | added |\n| --- | --- | --- |")
            before = 0.0
            for name, figure in figures:
                print(f"| {name} | {figure:.0f} µs | {figure - before:.0f} µs |")
                before = figure


def measured(subject: Subject, database_url: str, collector: str, batches: int) -> Iterator[tuple[str, float]]:
    """The microseconds of a request, with what was added last."""
    common = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "production",
        "DATABASE_URL": database_url,
        "ALLOWED_HOSTS": "localhost",
        "SECRET_KEY": SECRET_KEY,
        "POOL_SIZE": "1",
        "BATCHES": str(batches),
    }

    def run(side: str, *layers: str, **variables: str) -> float:
        command: list[str | Path] = [subject.environment / "bin" / "python", HERE / "inprocess.py", side]
        command += [subject.framework, subject.package, *layers]
        directory = HERE / "bare" if side == "bare" else subject.path
        done = subprocess.run(
            command, cwd=directory, env=common | variables, stdout=-1, stderr=-1, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stderr}")
        return float(done.stderr.splitlines()[-1])

    layers = MIDDLEWARE[subject.framework]
    yield "the bare framework", run("bare")
    yield "the project without the template's middleware", run("full")
    for count, layer in enumerate(layers, 1):
        yield f"and {layer}", run("full", *layers[:count])
    yield "and a tenth of the requests recorded and exported", run("full", *layers, **tracing(collector))


if __name__ == "__main__":
    main()
