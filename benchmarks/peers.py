"""Measures requests that wait for twenty other services: FastAPI's `example: quotes`, against the same in threads.

example   what a project has: a deadline, slots for each peer, a retry, circuit breakers, metrics, and no call that
          outlives its client
threads   a plain `def` endpoint, with a pool of 800 threads and httpx2's blocking client: benchmarks/overlay/peers.py
plain     async calls and nothing else

Each peer answers after 100 ms. Each connection sends one request after the other. The sides take turns, each with a
server of its own. CPU time and memory are the server's alone; memory is measured after the requests.

A project is rendered from the working tree, and runs as in production, with one worker, on one core; clients and peers
are on another core, in this process.

It takes about three minutes. Needs Linux with two cores.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, options, say  # noqa: E402
from benchmarks.models import answer, percentile  # noqa: E402
from benchmarks.run import choose_cores, processor  # noqa: E402
from benchmarks.servers import Server  # noqa: E402
from tests import postgres  # noqa: E402

SECONDS, ROUNDS = 3, 3
PEERS = 20
DELAY = 0.1  # seconds
CONNECTIONS = (1, 40)
WARM_UP = 1  # seconds
SIDES = {"example": "/api/v1/quotes", "threads": "/threads", "plain": "/plain"}
OFFER = b'{"price": "9.90", "available": 3}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(OFFER), OFFER)


class Peer(asyncio.Protocol):
    """Answers each request after a while."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):  # requests have no body
            asyncio.get_running_loop().call_later(DELAY, self.transport.write, ANSWER)


def main() -> int:
    """Measures, and prints the results as Markdown; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each side (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.seconds <= 0 or arguments.rounds < 1:
        parser.error("--seconds must be above 0, and --rounds at least 1")
    try:
        results = measure(arguments.seconds, arguments.rounds, choose_cores())
    except FailedError as error:
        print(f"benchmarks/peers.py: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(results)))
    print(
        f"\nMedians of {arguments.rounds} rounds of {arguments.seconds:g} s, one core of {processor()},"
        f" {time.strftime('%Y-%m-%d', time.gmtime())}; load average {os.getloadavg()[1]:.1f}."
    )
    return 0


def measure(seconds: float, rounds: int, core: int) -> list[dict[str, Any]]:
    """The figures of each side and number of connections."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    row = options.nearest("fastapi", "example", "quotes")
    with tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name, postgres.start() as database:
        os.environ["GROUNDPLAN_SHARED"] = str(Path(name) / "shared")
        say("setting up")
        project = options.render(row, Path(name) / "service")
        package = project / "service"
        overlay = (ROOT / "benchmarks" / "overlay" / "peers.py").read_text(encoding="utf-8")
        (package / "peers.py").write_text(overlay, encoding="utf-8")
        with (package / "main.py").open("a", encoding="utf-8") as file:
            file.write("\nfrom .peers import router as peers\n\napp.include_router(peers)\n")
        with options.prepared(project, row, database, core) as candidate:
            return asyncio.run(of_all(candidate, seconds, rounds, core))


async def of_all(candidate: options.Candidate, seconds: float, rounds: int, core: int) -> list[dict[str, Any]]:
    """Start the peers, and measure each side in turn."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Peer, "127.0.0.1", 0) for _ in range(PEERS)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    suppliers = ",".join(f"peer-{number}=http://127.0.0.1:{port}/" for number, port in enumerate(ports))
    candidate.variables |= {"QUOTE_SUPPLIERS": suppliers, "QUOTE_TIMEOUT": "15", "QUOTE_CALLS": "100"}
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for turn in range(rounds):
        for connections in CONNECTIONS:
            for side in SIDES:
                say(f"round {turn + 1}: {side}, {connections} connections")
                started = candidate.started(core)
                server = await asyncio.to_thread(started.__enter__)
                try:
                    figures = await of_side(server, SIDES[side], seconds, connections)
                finally:
                    await asyncio.to_thread(started.__exit__, None, None, None)
                found.setdefault((side, connections), []).append(figures)
    return [
        {"side": side, "connections": number}
        | {name: statistics.median(each[name] for each in figures) for name in figures[0]}
        for (side, number), figures in found.items()
    ]


async def of_side(server: Server, path: str, seconds: float, connections: int) -> dict[str, float]:
    """Measure a server's answers."""
    await ask(server.port, path, WARM_UP, connections)
    before = server.cpu
    took = await ask(server.port, path, seconds, connections)
    return {
        "answered": len(took) / seconds,
        "cpu_ms": (server.cpu - before) / len(took) * 1000,
        "p50_ms": percentile(took, 50) * 1000,
        "p99_ms": percentile(took, 99) * 1000,
        "memory": server.memory,
    }


async def ask(port: int, path: str, seconds: float, connections: int) -> list[float]:
    """Send one request after the other, and return the seconds that each took."""
    request = f"GET {path}?product=lamp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one_after_the_other() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (since := time.perf_counter()) < end:
            if (status := await answer(reader, writer, request)) != 200:
                raise FailedError(f"{path} answers with {status}.")
            took.append(time.perf_counter() - since)
        writer.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(connections)))
    return took


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """The results as Markdown."""
    yield "| | connections | answered | CPU time of a request | p50 | p99 | memory |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for each in results:
        yield (
            f"| {each['side']} | {each['connections']} | {each['answered']:,.0f} a second | {each['cpu_ms']:,.1f} ms |"
            f" {each['p50_ms']:,.0f} ms | {each['p99_ms']:,.0f} ms | {each['memory']:,.0f} MB |"
        )


if __name__ == "__main__":
    sys.exit(main())
