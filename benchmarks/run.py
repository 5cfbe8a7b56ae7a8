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
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import report  # noqa: E402
from benchmarks.servers import FailedError, Server, Subject, prepare, running, tail  # noqa: E402
from tests import postgres  # noqa: E402
from tests.projects import set_up_alone  # noqa: E402
from tests.tools import FRAMEWORKS, render_anew  # noqa: E402

HERE = Path(__file__).parent
# The share of the bare framework's throughput that a project must reach. The row without a database has no goal.
GOALS: dict[str, float | None] = {"json": None, "row": 0.95, "list": 0.95, "create": 0.95}
ROWS = 1000  # in the table
CONNECTIONS = 32
SAMPLED = 0.1
SETTLE = 5.5  # seconds; traces are exported every five, unless there are very many

SECRET_KEY = "a-benchmark-has-no-secrets-0123456789-abcdefghijklmnopqrstuvwxyz"  # noqa: S105


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: float
    starts: int


NORMAL = Plan(rounds=5, seconds=5, starts=5)
SHORT = Plan(rounds=3, seconds=2, starts=2)


class Round:
    """The result of one round of load."""

    def __init__(self, cpu: float, found: dict[str, Any]) -> None:
        """`cpu` is what the server had used before; `found` is what wrk said."""
        self.cpu = cpu
        self.requests = int(found["requests"])
        self.rps = self.requests / found["seconds"]
        self.p50_ms = float(found["p50_ms"])
        self.p99_ms = float(found["p99_ms"])
        self.cpu_us = 0.0  # for each request


@dataclass
class Side:
    """One of the two servers of a framework, and what was measured on it."""

    server: Server
    start_up: float
    memory: float = 0
    connections: int = 0
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def end(self, row: str) -> None:
        """Gives each round of a row the CPU time up to the next one: its traces may be exported after it."""
        rounds = self.rounds[row]
        for this, later in zip(rounds, [*(each.cpu for each in rounds[1:]), self.server.cpu], strict=True):
            this.cpu_us = (later - this.cpu) / this.requests * 1e6


@dataclass(frozen=True)
class Database:
    """The table that both servers use."""

    server: postgres.Server
    url: str
    table: str

    def query(self, *statements: str) -> str:
        """Runs SQL, each statement in a transaction of its own, and returns what it finds."""
        command: list[str | Path] = [self.server.bin / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        command += ["--tuples-only", "--no-align", *(f"--command={statement}" for statement in statements)]
        return subprocess.run([*command, self.url], check=True, stdout=subprocess.PIPE, text=True).stdout

    def url_of(self, user: str) -> str:
        """The URL for a new user, which identifies a server's connections."""
        self.query(f"DROP ROLE IF EXISTS {user}", f"CREATE ROLE {user} LOGIN SUPERUSER")
        return self.url.replace("postgres@", f"{user}@")

    def connections_of(self, user: str) -> int:
        """How many connections a user has."""
        return int(self.query(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'"))  # noqa: S608

    def fill(self) -> None:
        """Gives the table its rows."""
        made = "timestamptz '2026-01-01 00:00+00' + n * interval '1 minute'"
        self.query(
            f"INSERT INTO {self.table} (name, description, quantity, created_at, updated_at)"  # noqa: S608
            f" SELECT 'Item ' || n, 'The description of item ' || n, n, {made}, {made}"
            f" FROM generate_series(1, {ROWS}) AS n",
            f"VACUUM ANALYZE {self.table}",
        )

    def reset(self) -> None:
        """Removes the rows that were made under load, so that every round finds the same table."""
        self.query(f"DELETE FROM {self.table} WHERE id > {ROWS}", f"VACUUM ANALYZE {self.table}")  # noqa: S608


def main() -> int:
    """Measures what the arguments ask for; returns the exit code."""
    options = arguments()
    plan = SHORT if options.short else NORMAL
    plan = Plan(options.rounds or plan.rounds, options.seconds or plan.seconds, plan.starts)
    try:
        core = choose_cores()
        for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
            if not shutil.which(program):
                raise FailedError(f"{program} is not on PATH. Debian's package is called {package}.")
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


def measure(options: argparse.Namespace, plan: Plan, core: int) -> list[dict[str, Any]]:
    """Measures every framework; returns a result for each of its rows."""
    rows = [row for row in GOALS if row in (options.row or GOALS)]
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name,
        postgres.start() as server,
        collecting() as collector,
    ):
        scratch = Path(name)
        for number, subject in enumerate(subjects(options, scratch)):
            say(f"{subject.framework}: setting up")
            database = Database(server, server.create(f"bench_{number}"), subject.table)
            results += compare(subject, database, collector, plan, rows, core, scratch)
    return results


def subjects(options: argparse.Namespace, scratch: Path) -> Iterator[Subject]:
    """The projects to measure, one after the other."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    if options.project:
        for number, project in enumerate(options.project):
            yield prepare(project.resolve(), scratch / f"project-{number}")
        return
    for framework in FRAMEWORKS:
        if framework in (options.framework or FRAMEWORKS):
            say(f"{framework}: rendering the working tree")
            project = render_anew(ROOT, scratch / "rendered" / framework, framework=framework)
            set_up_alone(project)
            yield prepare(project, scratch / framework)


@contextlib.contextmanager
def collecting() -> Iterator[str]:
    """The URL of a collector for traces, which runs until the end of the block."""
    process = subprocess.Popen([sys.executable, HERE / "collector.py"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None  # noqa: S101
        process.stdout.close()


def collected(collector: str) -> dict[str, int]:
    """How many spans came, and how many of them stand for a request."""
    with urllib.request.urlopen(collector, timeout=10) as response:  # noqa: S310
        counts: dict[str, int] = json.load(response)
    return counts


def compare(
    subject: Subject,
    database: Database,
    collector: str,
    plan: Plan,
    rows: list[str],
    core: int,
    scratch: Path,
) -> list[dict[str, Any]]:
    """Runs both servers of a framework and loads them in turn."""
    common = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "production",
        "DATABASE_URL": database.url,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECRET_KEY": SECRET_KEY,
        "WEB_CONCURRENCY": "1",
    }
    tracing = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(SAMPLED),
    }
    migrate = ["manage.py", "migrate"] if subject.framework == "django" else ["-m", "alembic", "upgrade", "head"]
    subject.python(*migrate, **common)
    database.fill()
    logs = {side: scratch / f"{subject.framework}-{side}.log" for side in ("bare", "full")}
    ours = {side: common | {"DATABASE_URL": database.url_of(side)} for side in logs}
    with (
        running(subject, "bare", core, logs["bare"], starts=plan.starts, **ours["bare"]) as (bare, bare_start),
        running(subject, "full", core, logs["full"], starts=plan.starts, **ours["full"], **tracing) as (
            full,
            full_start,
        ),
    ):
        agree(bare, full)
        sides = {"bare": Side(bare, bare_start), "full": Side(full, full_start)}
        spans = {}
        for row in rows:
            for side in sides.values():
                load(side.server, row, 1)
            time.sleep(SETTLE)
            before = collected(collector)
            for number in range(plan.rounds):
                say(f"{subject.framework}: {row}, round {number + 1} of {plan.rounds}")
                for side in sides.values():
                    os.truncate(side.server.log, 0)
                    side.rounds.setdefault(row, []).append(Round(side.server.cpu, load(side.server, row, plan.seconds)))
                    if row == "create":
                        database.reset()
                logged(full, sides["full"].rounds[row][-1].requests)
            time.sleep(SETTLE)
            for side in sides.values():
                side.end(row)
            after = collected(collector)
            spans[row] = {kind: after[kind] - before[kind] for kind in after}
        for name, side in sides.items():
            side.memory = side.server.memory
            side.connections = database.connections_of(name)
        return [result(subject.framework, row, sides["bare"], sides["full"], spans[row]) for row in rows]


def agree(bare: Server, full: Server) -> None:
    """Fails where the two do not do the same work."""
    for path in ("/api/bench/json", "/api/items/7", f"/api/items/{ROWS}", "/api/items?limit=50"):
        answers = [server.request("GET", path) for server in (bare, full)]
        bodies = [json.loads(body) for _, _, body in answers]
        if [status for status, _, _ in answers] != [200, 200] or bodies[0] != bodies[1]:
            raise FailedError(f"{path}: bare answers {answers[0][0]} {bodies[0]}, full {answers[1][0]} {bodies[1]}.")
    made = []
    for side, server in (("bare", bare), ("full", full)):
        valid = {"name": f"Made by {side}", "description": "Made", "quantity": 3}
        status, _, body = server.request("POST", "/api/items", json.dumps(valid))
        values = json.loads(body)
        made.append((status, {name: values.get(name) for name in ("description", "quantity")}, sorted(values)))
        for wrong in ({"quantity": -1}, {"name": "Item 1"}):  # the latter exists
            status = server.request("POST", "/api/items", json.dumps(valid | wrong))[0]
            if status not in {409, 422}:
                raise FailedError(f"{side} answers a POST with {wrong} with {status}.")
    if made[0] != made[1] or made[0][0] != 201:
        raise FailedError(f"To a POST, bare answers {made[0]}, full {made[1]}.")
    if "x-request-id" not in full.request("GET", "/api/bench/json")[1]:
        raise FailedError("The full server names no request id.")


def load(server: Server, row: str, seconds: float) -> dict[str, Any]:
    """Loads a server for some seconds and returns what wrk says."""
    command: list[str | Path] = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds:g}s"]
    command += ["--timeout=10s", f"--script={HERE / 'load.lua'}", f"http://127.0.0.1:{server.port}"]
    done = subprocess.run([*command, "--", row, str(ROWS)], capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if done.returncode or line is None:
        raise FailedError(f"wrk failed:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(line)
    if found["refused"] or found["broken"] or not found["requests"]:
        raise FailedError(
            f"{row}: of {found['requests']} answers, {found['refused']} are errors, and {found['broken']} connections"
            f" broke or timed out. The server's last lines:\n{tail(server.log)}"
        )
    return found


def logged(server: Server, requests: int) -> None:
    """Fails where not every request has its line, which may be written after the answer was sent."""
    deadline = time.monotonic() + 5
    while (lines := server.log.read_bytes().count(b'"request"')) < requests:
        if time.monotonic() > deadline:
            raise FailedError(f"The full server wrote {lines} lines for {requests} requests.")
        time.sleep(0.1)


def result(framework: str, row: str, bare: Side, full: Side, spans: dict[str, int]) -> dict[str, Any]:
    """The results, as --json writes them."""
    found: dict[str, Any] = {"framework": framework, "row": row}
    pairs = list(zip(bare.rounds[row], full.rounds[row], strict=True))

    def add(name: str, values: list[float], digits: int) -> None:
        found[name] = round(statistics.median(values), digits)
        found[f"{name}_spread"] = [round(min(values), digits), round(max(values), digits)]

    for name, side in (("bare", bare), ("full", full)):
        rounds = side.rounds[row]
        add(name, [each.rps for each in rounds], 1)
        add(f"{name}_cpu_us", [each.cpu_us for each in rounds], 1)
        add(f"{name}_p50_ms", [each.p50_ms for each in rounds], 2)
        add(f"{name}_p99_ms", [each.p99_ms for each in rounds], 2)
        found[f"{name}_memory_mb"] = round(side.memory, 1)
        found[f"{name}_start_s"] = round(side.start_up, 3)
        found[f"{name}_connections"] = side.connections
    add("ratio", [full.rps / bare.rps for bare, full in pairs], 3)
    add("ratio_cpu", [bare.cpu_us / full.cpu_us for bare, full in pairs], 3)
    requests = sum(each.requests for each in full.rounds[row])
    return found | {
        "goal": GOALS[row],
        "rounds": len(pairs),
        "requests": requests,
        "spans": spans["spans"],
        "sampled": round(spans["requests"] / requests, 4),
    }


def describe(plan: Plan) -> str:
    """A description of the measurement, for readers of the table."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)$", cpu, re.MULTILINE)
    return (
        f"Medians of {plan.rounds} rounds of {plan.seconds:g} s for each row and side, {CONNECTIONS} connections, one"
        f" core of {model[1] if model else platform.machine()}, {time.strftime('%Y-%m-%d', time.gmtime())}."
    )


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
