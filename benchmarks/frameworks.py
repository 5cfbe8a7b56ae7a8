"""Compares Django and FastAPI themselves, without the template's code, in one run.

The applications in benchmarks/bare do the same work with each framework and library, as its documentation shows. They
have the versions that a rendered project has. Each server has one process that serves requests (Gunicorn has a second
one that watches it), on one core; on the other cores are PostgreSQL, wrk with 32 connections, and this script. The
servers of a row take turns, round after round. The rows:

json      a small JSON document, without a database
one_row   a row by its key, through the ORM
list      fifty rows and their total number
create    a row from validated JSON
slow      a request that waits 100 ms for another service; 100 clients
memory    of the process that serves, after its start and after a load of the list
idle      the memory of an open event stream; 1,000 of them

Django runs with the middleware of `startproject` and a connection pool. Gunicorn has four threads, unless a name says
otherwise. FastAPI uses SQLAlchemy's asyncio extension with psycopg, in a transaction for each request, as SQLAlchemy
does by default; Django uses none for a single statement. Uvicorn runs with uvloop and httptools.

The main figure is CPU time per request: it is hardly affected by other load on the machine, and its inverse is what one
core can serve. It includes user and system time of all processes of a server, but not PostgreSQL's. A ratio such as
one_row.django/fastapi is Django's figure divided by FastAPI's, round by round. All figures are medians, with the least
and the greatest. Memory is what /proc calls Pss.

Needs Linux with two cores and wrk (Debian's package `wrk`); PostgreSQL is the machine's, or comes with `uv sync`.
"""

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, say  # noqa: E402
from benchmarks.compare import agree_on_creates, agree_on_reads, set_up, variables  # noqa: E402
from benchmarks.database import Database  # noqa: E402
from benchmarks.load import CONNECTIONS, load  # noqa: E402
from benchmarks.run import choose_cores, find_programs, processor  # noqa: E402
from benchmarks.servers import BARE, Server, bare, serving  # noqa: E402
from benchmarks.slow import answering_slowly  # noqa: E402
from benchmarks.subjects import Subject, subjects  # noqa: E402
from tests import postgres  # noqa: E402
from tests.projects import UV  # noqa: E402

ROUNDS, SECONDS = 5, 1  # wrk takes whole seconds
SHORT_ROUNDS = 2
STARTS = 3  # the most rounds of rows that start a server for each
STREAMS = 1000

# Packages that a rendered project does not have. Those without a version have that of the other framework's project.
EXTRAS = {
    "fastapi": ["asyncpg==0.32.0"],
    "django": ["djangorestframework==3.18.3", "httptools", "httpx2", "uvicorn", "uvloop"],
}
RECORDED = (
    *("django", "django-ninja", "djangorestframework", "gunicorn", "fastapi", "starlette", "pydantic", "uvicorn"),
    *("uvloop", "httptools", "sqlalchemy", "psycopg", "asyncpg", "httpx2"),
)


@dataclass(frozen=True)
class Setup:
    """A framework with its server, and the variables that select a variant of its application."""

    text: str
    framework: str
    server: str
    application: str
    threads: int = 4
    variables: dict[str, str] = field(default_factory=dict)


def wsgi(text: str, threads: int = 4, **variables: str) -> Setup:
    """Django with Gunicorn."""
    # Threads that never end their request must not delay the end of the server.
    variables["GUNICORN_CMD_ARGS"] = "--graceful-timeout=1"
    return Setup(text, "django", "gunicorn", "django_app:application", threads, variables)


def asgi(text: str, **variables: str) -> Setup:
    """Django with Uvicorn."""
    return Setup(text, "django", "uvicorn", "django_app:application", variables={"INTERFACE": "asgi"} | variables)


def fastapi(text: str, application: str = "fastapi_app", **variables: str) -> Setup:
    """FastAPI with Uvicorn."""
    return Setup(text, "fastapi", "uvicorn", f"{application}:app", variables=variables)


DJANGO = wsgi("Django")
NO_MIDDLEWARE = wsgi("Django, no middleware", MIDDLEWARE="none")
NINJA = wsgi("Django Ninja", URLCONF="ninja_urls")
DRF = wsgi("Django REST framework", URLCONF="drf_urls")
DJANGO_ASGI = asgi("Django, ASGI")
FASTAPI = fastapi("FastAPI")

DJANGOS = {"django": DJANGO, "ninja": NINJA, "drf": DRF, "django_asgi": DJANGO_ASGI}
FASTAPIS = {
    "fastapi": FASTAPI,
    "fastapi_autocommit": fastapi("FastAPI, no transaction", AUTOCOMMIT="1"),
    "fastapi_asyncpg": fastapi("FastAPI, asyncpg", DRIVER="asyncpg"),
}
ASYNC = {
    "django_async": asgi("Django, ASGI, async views", URLCONF="async_urls"),
    "django_async_no_middleware": asgi("the same, no middleware", URLCONF="async_urls", MIDDLEWARE="none"),
}


@dataclass(frozen=True)
class Row:
    """The setups that are compared, and how they are loaded, if they are."""

    text: str
    setups: dict[str, Setup]
    load: str = ""  # its name in load.lua
    connections: int = CONNECTIONS
    longer: int = 1  # than other rows


ROWS = {
    "json": Row(
        "JSON, no database", {"django_no_middleware": NO_MIDDLEWARE} | DJANGOS | ASYNC | {"fastapi": FASTAPI}, "json"
    ),
    "one_row": Row("One row by its key", DJANGOS | ASYNC | FASTAPIS, "row"),
    "list": Row("A list of fifty", DJANGOS | ASYNC | FASTAPIS, "list"),
    "create": Row("A validated create", DJANGOS | FASTAPIS, "create"),
    "slow": Row(
        "A service that takes 100 ms, 100 clients",
        {
            "django": wsgi("Django, 4 threads", URLCONF="waiting_urls"),
            "django_32_threads": wsgi("Django, 32 threads", 32, URLCONF="waiting_urls"),
            **ASYNC,
            "fastapi": fastapi("FastAPI", "fastapi_waiting"),
        },
        "slow",
        connections=100,
        longer=2,
    ),
    "memory": Row("Memory of one process", DJANGOS | {"fastapi": FASTAPI}),
    "idle": Row(
        f"{STREAMS:,} open event streams",
        {
            "django": wsgi("Django, 4 threads", URLCONF="waiting_urls"),
            "django_1000_threads": wsgi(f"Django, {STREAMS:,} threads", STREAMS, URLCONF="waiting_urls"),
            **ASYNC,
            "fastapi": fastapi("FastAPI", "fastapi_waiting"),
        },
    ),
}
Rounds = dict[str, list[dict[str, float]]]  # the figures of each setup, round by round


@dataclass(frozen=True)
class Bench:
    """All that a measurement needs."""

    subjects: dict[str, Subject]
    databases: dict[str, Database]
    slow: str
    core: int
    scratch: Path
    rounds: int

    def started(self, setup: Setup) -> contextlib.AbstractContextManager[Server]:
        """The server of a setup until the end of the block."""
        subject = self.subjects[setup.framework]
        command = bare(subject, setup.server, setup.application, threads=setup.threads)
        environment = variables(self.databases[setup.framework].url) | {"SLOW_URL": self.slow} | setup.variables
        log = self.scratch / f"{setup.text}.log"
        return serving(f"The server of {setup.text}", command, BARE, self.core, log, **environment)


def main() -> int:
    """Measures what the arguments ask for; returns the exit code."""
    options = arguments()
    before = os.getloadavg()[0]
    try:
        core = choose_cores()
        find_programs()
        allow_streams()
        found = measure(options, core)
    except FailedError as error:
        print(f"benchmarks/frameworks.py: {error}", file=sys.stderr)
        return 1
    found["machine"]["load_average"] = [round(load, 1) for load in (before, os.getloadavg()[1])]
    print(tables(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    parser.add_argument("--rounds", type=int, help=f"of each row; {ROUNDS}, short {SHORT_ROUNDS}")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help="only this row; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.set_defaults(project=None, framework=None)  # as `subjects` expects them
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: {options.json.parent} is not a directory")
    return options


def allow_streams() -> None:
    """Raises the limit of open files for this process and all that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = STREAMS + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise FailedError(f"A process may open {hard} files, and {needed} are needed: see `ulimit -n`.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def measure(options: argparse.Namespace, core: int) -> dict[str, Any]:
    """Measures the rows; returns the results, as --json writes them."""
    rounds = options.rounds or (SHORT_ROUNDS if options.short else ROUNDS)

    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name,
        postgres.start() as server,
        answering_slowly(Path(name) / "slow.log") as slow,
    ):
        projects = {subject.framework: subject for subject in subjects(options, Path(name))}
        databases = {}
        for framework, subject in projects.items():
            databases[framework] = Database(server, server.create(f"bench_{framework}"), subject.table)
            set_up(subject, databases[framework])
        versions = install_extras(projects) | {"postgresql": server.query("SHOW server_version").split()[0]}
        bench = Bench(projects, databases, slow, core, Path(name), rounds)
        measured = {}
        for row in [row for row in ROWS if row in (options.only or ROWS)]:
            kind = {"memory": memory, "idle": idle}.get(row, loaded)
            measured[row] = kind(bench, ROWS[row])
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "rounds": rounds,
        "seconds": SECONDS,
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "versions": versions,
        "figures": {f"{row}.{name}": summary(found[name]) for row, found in measured.items() for name in found},
        "ratios": {f"{row}.{name}": summary(found) for row in measured for name, found in ratios(measured[row])},
    }


def install_extras(projects: dict[str, Subject]) -> dict[str, str]:
    """Installs what only this benchmark needs, and returns the versions of all that is measured."""
    versions: dict[str, str] = {}
    for framework, extras in EXTRAS.items():  # FastAPI first
        say(f"{framework}: installing {', '.join(extras)}")
        python = projects[framework].environment / "bin" / "python"
        pinned = [extra if "==" in extra else f"{extra}=={versions[extra]}" for extra in extras]
        uv("install", "--quiet", f"--python={python}", *pinned)
        versions |= {
            package["name"]: package["version"]
            for package in json.loads(uv("list", "--quiet", f"--python={python}", "--format=json"))
        }
    version = subprocess.run([python, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"python": version.split()[1]} | {name: versions[name] for name in RECORDED}


def uv(*arguments: str) -> str:
    """Runs `uv pip`, and returns what it prints."""
    done = subprocess.run([UV, "pip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(f"uv pip {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def loaded(bench: Bench, row: Row) -> Rounds:
    """Runs all servers of a row, and loads them in turn."""
    rounds: Rounds = {name: [] for name in row.setups}
    for database in bench.databases.values():
        database.reset()
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(bench.started(setup)) for name, setup in row.setups.items()}
        if row.load == "create":
            agree_on_creates(servers)
        else:
            agree_on_reads(servers)
        for server in servers.values():
            load(server, row.load, row.longer, row.connections)
        for number in range(bench.rounds):
            say(f"{row.text}, round {number + 1} of {bench.rounds}")
            for name, server in servers.items():
                if row.load == "create":
                    bench.databases[row.setups[name].framework].reset()
                before = server.cpu
                found = load(server, row.load, SECONDS * row.longer, row.connections)
                cpu = (server.cpu - before) / found["requests"] * 1e6
                rps = found["requests"] / found["seconds"]
                rounds[name].append({"cpu_us": cpu, "rps": rps, "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"]})
    return rounds


def alone(bench: Bench, row: Row) -> Iterator[tuple[str, Server]]:
    """Starts the servers of a row one after the other in each round, so that only one of them runs at any time."""
    count = min(bench.rounds, STARTS)
    for number in range(count):
        say(f"{row.text}, round {number + 1} of {count}")
        for name, setup in row.setups.items():
            with bench.started(setup) as server:
                yield name, server


def memory(bench: Bench, row: Row) -> Rounds:
    """Measures the memory of servers in MiB."""
    rounds: Rounds = {name: [] for name in row.setups}
    for name, server in alone(bench, row):
        start = server.memory
        load(server, "list", SECONDS)
        rounds[name].append({"start_mib": start, "load_mib": server.memory, "all_mib": server.memory_of_all})
    return rounds


def idle(bench: Bench, row: Row) -> Rounds:
    """Measures the memory of open streams in KiB, and how many of them a server answers."""
    rounds: Rounds = {name: [] for name in row.setups}
    for name, server in alone(bench, row):
        before = server.memory
        with contextlib.ExitStack() as stack:
            streams = open_streams(server.port, stack)
            found = {"streams": float(streams)}
            if streams == STREAMS:
                found["kib"] = (server.memory - before) * 1024 / STREAMS
        rounds[name].append(found)
    return rounds


def open_streams(port: int, stack: contextlib.ExitStack) -> int:
    """Opens event streams one by one, until the first that gets no event in five seconds; returns how many got one."""
    for number in range(STREAMS):
        stream = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        stream.sendall(b"GET /api/bench/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        received = b""
        while b"data: open" not in received:
            try:
                part = stream.recv(4096)
            except TimeoutError:
                part = b""
            if not part:
                return number
            received += part
    return STREAMS


def ratios(rounds: Rounds) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """The figures of each setup, divided by those of FastAPI and of Django."""
    for base in ("fastapi", "django"):
        for name in rounds:
            if name != base and base in rounds:
                pairs = zip(rounds[name], rounds[base], strict=True)
                yield f"{name}/{base}", [{key: a[key] / b[key] for key in a if b.get(key)} for a, b in pairs]


def summary(rounds: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """The median of each figure, and its least and greatest value."""
    return {
        key: {
            "median": round(statistics.median(values), 3),
            "spread": [round(min(values), 3), round(max(values), 3)],
        }
        for key in rounds[0]
        for values in [[found[key] for found in rounds]]
    }


COLUMNS = {  # of the tables: heading, figure, unit, decimals
    "load": (
        ("CPU per request", "cpu_us", " µs", 0),
        ("requests/s", "rps", "", 0),
        ("median latency", "p50_ms", " ms", 0),
    ),
    "memory": (
        ("after start", "start_mib", " MiB", 0),
        ("after load", "load_mib", " MiB", 0),
        ("with all processes of the server", "all_mib", " MiB", 0),
    ),
    "idle": (("memory for each stream", "kib", " KiB", 1), ("streams that were answered", "streams", "", 0)),
}


def tables(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    parts = []
    for row in ROWS:
        if any(name.startswith(f"{row}.") for name in found["figures"]):
            parts += [f"### {ROWS[row].text}", "\n".join(table(found, row))]
    machine, versions = found["machine"], found["versions"]
    parts.append(
        f"Medians of {found['rounds']} rounds of {found['seconds']:g} s (least to greatest), of {STARTS} starts at most"
        f" for memory and streams. One core of {machine['processor']}, {found['date']}; load average"
        f" {machine['load_average'][0]} before the run, {machine['load_average'][1]} in its last five minutes, of which"
        " about 2 is its own."
    )
    parts.append(f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.")
    return "\n\n".join(parts)


def table(found: dict[str, Any], row: str) -> Iterator[str]:
    """The lines of a row's table. The second column compares the first figure with FastAPI's."""
    columns = COLUMNS["load" if ROWS[row].load else row]
    headings = [heading for heading, *_ in columns]
    yield f"| | {' | '.join([headings[0], 'of FastAPI', *headings[1:]])} |"
    yield "|---|" + "---|" * (len(headings) + 1)
    for name, setup in ROWS[row].setups.items():
        figures = found["figures"][f"{row}.{name}"]
        cells = [cell(figures.get(figure), unit, digits) for _, figure, unit, digits in columns]
        ratio = found["ratios"].get(f"{row}.{name}/fastapi", {}).get(columns[0][1])
        yield f"| {' | '.join([setup.text, cells[0], cell(ratio, '', 2), *cells[1:]])} |"


def cell(figure: dict[str, Any] | None, unit: str, digits: int) -> str:
    """A median, with the least and the greatest value."""
    if figure is None:
        return ""
    median, least, greatest = (f"{value:,.{digits}f}" for value in [figure["median"], *figure["spread"]])
    return f"**{median}**{unit}" + (f" ({least} to {greatest})" if least != greatest else "")


if __name__ == "__main__":
    sys.exit(main())
