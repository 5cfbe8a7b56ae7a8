"""Measures what the template's code costs: the rendered project against the bare framework, in one run.

Each framework's project is rendered from the working tree and set up. Two servers run in its virtual environment, on
one core, with one worker each: `bare`, the application in benchmarks/bare (no access log, no metrics, nothing), and
`full`, the project as production runs it: a log line for every request, request ids, metrics, security headers, and
a tenth of the requests traced and exported. They use the same server program with the same settings, the same
database, and as many connections. On the other cores, wrk loads them in turn, round after round.

Needs Linux with two cores and wrk (Debian's package `wrk`); PostgreSQL is the machine's, or comes with `uv sync`.

Before the load both must give the same answers; under it, no answer may be an error, no connection may break, and the
project must have logged every request.

The ratio on CPU time is bare's CPU time per request / full's: the share of a core's capacity that the project leaves.
The ratio on throughput is full's requests per second / bare's. Both are taken round by round, from measurements that
follow each other, and the median is given with the least and the greatest. CPU time is that of all processes of the
server, user and system, from the beginning of a round to that of its next, so that the export of traces is in it.
"""

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, report, say  # noqa: E402
from benchmarks.collector import collecting  # noqa: E402
from benchmarks.compare import Plan, compare  # noqa: E402
from benchmarks.database import Database  # noqa: E402
from benchmarks.load import CONNECTIONS  # noqa: E402
from benchmarks.results import GOALS  # noqa: E402
from benchmarks.subjects import subjects  # noqa: E402
from tests import postgres  # noqa: E402
from tests.tools import FRAMEWORKS  # noqa: E402

NORMAL = Plan(rounds=5, seconds=5, starts=5)
SHORT = Plan(rounds=3, seconds=2, starts=2)


def main() -> int:
    """Measures what the arguments ask for; returns the exit code."""
    options = arguments()
    plan = SHORT if options.short else NORMAL
    plan = Plan(options.rounds or plan.rounds, options.seconds or plan.seconds, plan.starts)
    try:
        core = choose_cores()
        find_programs()
        results = measure(options, plan, core)
    except FailedError as error:
        print(f"benchmarks/run.py: {error}", file=sys.stderr)
        return 1
    print(report.table(results))
    print(f"\n{describe(plan)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if options.chart:
        options.chart.write_text(report.chart(results), encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a few minutes: fewer and shorter rounds")
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, help="only this one; may be repeated")
    parser.add_argument("--row", action="append", choices=GOALS, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, help=f"of each row on each side; {NORMAL.rounds}, short {SHORT.rounds}")
    parser.add_argument("--seconds", type=float, help=f"of each round; {NORMAL.seconds}, short {SHORT.seconds}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the ratios there")
    parser.add_argument(
        "--project",
        type=Path,
        action="append",
        metavar="PATH",
        help="measure this rendered project, in which `uv sync` was run, instead of rendering; may be repeated",
    )
    options = parser.parse_args()
    if options.project and options.framework:
        parser.error("--framework chooses what is rendered: leave it out beside --project")
    for name in ("rounds", "seconds"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be 1 or more")
    return options


def choose_cores() -> int:
    """Keeps this process and all that it starts off one core, which is the servers'; returns that core."""
    if not hasattr(os, "sched_setaffinity"):
        raise FailedError("Only Linux can pin processes to a core.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise FailedError("Two cores are needed: one for the servers, one for the load.")
    os.sched_setaffinity(0, cores[:-1])
    return cores[-1]


def find_programs() -> None:
    """Fails where a program is missing."""
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if not shutil.which(program):
            raise FailedError(f"{program} is not on PATH. Debian's package is called {package}.")


def measure(options: argparse.Namespace, plan: Plan, core: int) -> list[dict[str, Any]]:
    """Measures every framework; returns a result for each of its rows."""
    rows = [row for row in GOALS if row in (options.row or GOALS)]
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name,
        postgres.start() as server,
        collecting(Path(name) / "collector.log") as collector,
    ):
        scratch = Path(name)
        for number, subject in enumerate(subjects(options, scratch)):
            say(f"{subject.framework}: setting up")
            database = Database(server, server.create(f"bench_{number}"), subject.table)
            results += compare(subject, database, collector, plan, rows, core, scratch)
    return results


def describe(plan: Plan) -> str:
    """A description of the measurement, for readers of the table."""
    return (
        f"Medians of {plan.rounds} rounds of {plan.seconds:g} s for each row and side, {CONNECTIONS} connections, one"
        f" core of {processor()}, {time.strftime('%Y-%m-%d', time.gmtime())}."
    )


def processor() -> str:
    """The machine's processor."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)$", cpu, re.MULTILINE)
    return model[1] if model else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
