"""Measures live connections of FastAPI, `live: websocket` and `live: sse`, in two parts.

idle      One worker holds connections that nothing is said on. They are in rooms of a hundred, and somebody is present
          with each. Measured are the worker's memory for each connection, its CPU time while nothing is said, the
          longest time that /health/live takes meanwhile, and how fast a message in each room reaches everybody.
rolling   Clients follow rooms of a hundred on two servers while messages are posted, twenty a second, and each server
          is replaced by a new one. Clients resume after the last message that they have got, after a random time, as
          docs/live.md of the project says. Counted are the messages that a client missed, or got twice.

A project is rendered from the working tree, and runs as in production, with one worker; the clients are on another
core. Redis is started, and keeps each message on the disk at once. There is no proxy.

It takes about five minutes. Needs Linux with two cores, redis-server, and 10,100 open files for a process.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, options, say  # noqa: E402
from benchmarks.run import choose_cores, processor  # noqa: E402
from benchmarks.servers import Server  # noqa: E402
from tests import postgres, redis  # noqa: E402

KINDS = ("websocket", "sse")
IDLE, ROLLING = 10_000, 2_000
QUIET = 30  # seconds in which nothing is said; presence is looked at every 3, connections are pinged every 20
SETTLED = 20  # seconds between two replacements: all clients are back after ten
CLIENTS = ROOT / "benchmarks" / "connections_in_project.py"


def main() -> int:
    """Measures, and prints the results as Markdown; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", action="append", choices=KINDS, help="only this one; may be repeated")
    parser.add_argument("--idle", type=int, default=IDLE, help="idle connections (default: %(default)s)")
    parser.add_argument("--rolling", type=int, default=ROLLING, help="clients that follow (default: %(default)s)")
    parser.add_argument("--quiet", type=int, default=QUIET, help="seconds without messages (default: %(default)s)")
    parser.add_argument(
        "--settled", type=int, default=SETTLED, help="seconds between two replacements (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if min(arguments.idle, arguments.rolling, arguments.quiet, arguments.settled) < 1:
        parser.error("all numbers must be 1 or more")
    try:
        core = choose_cores()
        allow_files(max(arguments.idle, arguments.rolling) + 100)
        if not shutil.which("redis-server"):
            raise FailedError("redis-server is not on PATH. Debian's package has the same name.")
        results = {kind: measure(kind, arguments, core) for kind in arguments.live or KINDS}
    except FailedError as error:
        print(f"benchmarks/connections.py: {error}", file=sys.stderr)
        return 1
    print("\n".join(tables(results)))
    return 0


def allow_files(number: int) -> None:
    """Lets this process, and those that it starts, open so many files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        raise FailedError(f"A process may open {hard} files; {number} are needed (ulimit -Hn).")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(kind: str, arguments: argparse.Namespace, core: int) -> dict[str, Any]:
    """The figures of a kind of live updates."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    row = options.nearest("fastapi", "live", kind)
    with (
        tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name,
        postgres.start() as database,
        redis.start() as broker,
    ):
        os.environ |= {"REDIS_URL": broker.url, "GROUNDPLAN_SHARED": str(Path(name) / "shared")}
        say(f"{kind}: setting up")
        project = options.render(row, Path(name) / "service")
        with options.prepared(project, row, database, core) as candidate:
            candidate.variables["LIVE_CONNECTIONS"] = str(2 * max(arguments.idle, arguments.rolling))
            say(f"{kind}: {arguments.idle:,} idle connections")
            idle = of_idle(kind, candidate, arguments, core)
            say(f"{kind}: {arguments.rolling:,} clients across a deployment")
            return idle | of_rolling(kind, candidate, arguments, core)


class Clients:
    """The process that opens the connections. Each command is a line, and so is each reply; both are JSON."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command, and wait for its reply."""
        assert self.process.stdin  # noqa: S101
        assert self.process.stdout  # noqa: S101
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        if not (line := self.process.stdout.readline()):
            raise FailedError(f"The clients ended with {self.process.wait()}.")
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextlib.contextmanager
def clients(kind: str, candidate: options.Candidate) -> Iterator[Clients]:
    """The clients, in the project's environment, until the end of the block."""
    command: list[str | Path] = [candidate.subject.environment / "bin" / "python", CLIENTS, kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Clients(process)
        finally:
            process.kill()


def of_idle(kind: str, candidate: options.Candidate, arguments: argparse.Namespace, core: int) -> dict[str, Any]:
    """The memory and CPU time of idle connections, and how fast a message reaches them."""
    with candidate.started(core) as server, clients(kind, candidate) as opened:
        server.request("GET", "/api/v1/rooms/room-0")  # what the first request loads is no connection's
        memory = server.memory
        before = server.cpu
        took = opened.ask(do="open", urls=[url(server)], number=arguments.idle)["seconds"]
        opening = server.cpu - before
        time.sleep(5)  # everybody's presence is known
        before, since, health = server.cpu, time.perf_counter(), 0.0
        while time.perf_counter() - since < arguments.quiet:
            asked = time.perf_counter()
            if server.request("GET", "/health/live")[0] != 200:
                raise FailedError("/health/live fails.")
            health = max(health, time.perf_counter() - asked)
            time.sleep(0.1)
        quiet = (server.cpu - before) / (time.perf_counter() - since)
        held = server.memory - memory
        before = server.cpu
        reached = opened.ask(do="reach", url=url(server))
        return {
            "idle": arguments.idle,
            "before_mib": memory,
            "connection_kib": held / arguments.idle * 1024,
            "open_per_s": arguments.idle / took,
            "open_cpu_us": opening / arguments.idle * 1e6,
            "quiet_percent": quiet * 100,
            "health_ms": health * 1000,
            "delivered": reached["delivered"],
            "deliver_s": reached["seconds"],
            "deliver_cpu_us": (server.cpu - before) / reached["delivered"] * 1e6,
        }


def of_rolling(kind: str, candidate: options.Candidate, arguments: argparse.Namespace, core: int) -> dict[str, Any]:
    """How many messages clients miss while each server is replaced by another."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(candidate.started(core)) for _ in range(2)]
        opened = stack.enter_context(clients(kind, candidate))
        opened.ask(do="open", urls=[url(each) for each in servers], number=arguments.rolling)
        opened.ask(do="post", url=url(servers[1]))
        time.sleep(arguments.settled)
        for _ in range(2):
            servers.append(stack.enter_context(candidate.started(core)))
            old = servers.pop(0)
            opened.ask(do="move", urls=[url(each) for each in servers])
            opened.ask(do="post", url=url(servers[-1]))
            time.sleep(1)  # the balancer knows, and no post is on its way
            old.process.send_signal(signal.SIGTERM)
            old.process.wait(30)
            time.sleep(arguments.settled)
        return {"clients": arguments.rolling} | opened.ask(do="count")


def url(server: Server) -> str:
    """Where a server is."""
    return f"http://127.0.0.1:{server.port}"


IDLE_COLUMNS = {
    "idle": ("idle connections", "{:,.0f}"),
    "before_mib": ("the worker before", "{:.0f} MiB"),
    "connection_kib": ("memory of each", "{:.1f} KiB"),
    "open_per_s": ("opened", "{:,.0f} a second"),
    "open_cpu_us": ("CPU to open", "{:,.0f} µs"),
    "quiet_percent": ("CPU while idle", "{:.1f}% of a core"),
    "health_ms": ("slowest `/health/live`", "{:.0f} ms"),
    "deliver_s": ("a message reaches all", "{:.1f} s"),
    "deliver_cpu_us": ("CPU to deliver", "{:.0f} µs"),
}
ROLLING_COLUMNS = {
    "clients": ("clients", "{:,.0f}"),
    "posted": ("messages", "{:,.0f}"),
    "received": ("received", "{:,.0f}"),
    "missed": ("missed", "**{:,.0f}**"),
    "twice": ("twice", "**{:,.0f}**"),
    "resumed": ("resumed", "{:,.0f}"),
    "longest_s": ("longest interruption", "{:.1f} s"),
}


def tables(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The results as Markdown."""
    for columns in (IDLE_COLUMNS, ROLLING_COLUMNS):
        yield f"| | {' | '.join(heading for heading, _ in columns.values())} |"
        yield f"|{' --- |' * (len(columns) + 1)}"
        for kind, figures in results.items():
            cells = [shape.format(figures[name]) for name, (_, shape) in columns.items()]
            yield f"| `live={kind}` | {' | '.join(cells)} |"
        yield ""
    yield f"One worker on one core of {processor()}, {time.strftime('%Y-%m-%d', time.gmtime())}."


if __name__ == "__main__":
    sys.exit(main())
