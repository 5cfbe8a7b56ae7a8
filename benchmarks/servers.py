"""The servers that are compared: how each is started, and what it takes from the machine."""

import contextlib
import http.client
import os
import re
import shlex
import statistics
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import FailedError
from benchmarks.subjects import Subject
from tests import processes

BARE = Path(__file__).parent / "bare"
POOL_SIZE = 10  # the default of DATABASE_POOL_SIZE
ROW = "/api/v1/items/1"
TICK = os.sysconf("SC_CLK_TCK")


def command(subject: Subject, side: str) -> list[str]:
    """The command that starts the server of a side. Settings that affect speed are the same for both sides."""
    if side == "full":
        # The command behind `poe serve`, which production runs without poe.
        tasks = tomllib.loads((subject.path / "poe_tasks.toml").read_text(encoding="utf-8"))["tasks"]
        text = re.sub(r"\$\{PORT[^}]*\}", "{port}", tasks["serve"]["cmd"])
        program, *options = shlex.split(text)
        own = [f"{name}={value}" for name, value in tasks["serve"].get("env", {}).items()]
        return ["env", *own, program if program == "sh" else str(subject.environment / "bin" / program), *options]
    if subject.framework == "fastapi":
        return bare(subject, "uvicorn", "fastapi_app:app")
    return bare(subject, subject.server or "gunicorn", "django_app:application")


def bare(subject: Subject, server: str, application: str, *, threads: int = 4) -> list[str]:
    """The command of a server for an application in benchmarks/bare. Uvicorn uses no threads."""
    settings = {
        "uvicorn": "--loop uvloop --http httptools --no-access-log --no-server-header --timeout-keep-alive 75",
        "granian": f"--interface wsgi --http 1 --no-ws --blocking-threads {threads} --backpressure 1000 --no-log",
        "gunicorn": f"--worker-class gthread --threads {threads} --keep-alive 75 --worker-tmp-dir /dev/shm"
        " --no-control-socket",
    }[server]
    address = ["--bind", "127.0.0.1:{port}"] if server == "gunicorn" else ["--port", "{port}"]
    return [str(subject.environment / "bin" / "python"), "-m", server, application, *settings.split(), *address]


@dataclass(frozen=True)
class Server:
    """A running server, with one worker."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    start_up: float  # seconds to the first answer

    @property
    def cpu(self) -> float:
        """Seconds of CPU that all its processes have used, in user and system mode."""
        total = 0
        for pid in tree(self.process.pid):
            numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, numbers[11:15]))  # its own and that of its dead children
        return total / TICK

    @property
    def memory(self) -> float:
        """Megabytes that its worker has; of those that it shares, its share."""
        return pss(tree(self.process.pid)[-1])

    @property
    def memory_of_all(self) -> float:
        """Megabytes that all its processes have."""
        return sum(map(pss, tree(self.process.pid)))

    def request(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def pss(pid: int) -> float:
    """Megabytes that a process has; of those that it shares, its share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def started(subject: Subject, side: str, core: int, log: Path, **variables: str) -> AbstractContextManager[Server]:
    """The server of a side on a core until the end of the block; it has answered a request for a row."""
    name = f"The {side} {subject.framework} server"
    directory = subject.path if side == "full" else BARE
    variables["PATH"] = f"{subject.environment / 'bin'}:{variables['PATH']}"
    return serving(name, command(subject, side), directory, core, log, **variables)


@contextlib.contextmanager
def serving(
    name: str, command: list[str], directory: Path, core: int, log: Path, ready: str = ROW, **variables: str
) -> Iterator[Server]:
    """A server on a core until the end of the block; it has answered a request, usually for a row."""
    port = processes.free_port()
    variables |= {"PORT": str(port), "POOL_SIZE": str(POOL_SIZE)}
    # taskset becomes the server: it replaces itself.
    pinned = ["taskset", "--cpu-list", str(core), *(part.replace("{port}", str(port)) for part in command)]
    url = f"http://127.0.0.1:{port}{ready}"
    with contextlib.ExitStack() as block:
        before = time.perf_counter()
        server = processes.running(
            pinned, log, lambda: processes.answers(url), clean=False, cwd=directory, env=variables
        )
        try:
            process = block.enter_context(server)
        except processes.NotReadyError as error:
            raise FailedError(f"{name} {error}") from None
        yield Server(process, port, log, time.perf_counter() - before)


@contextlib.contextmanager
def running(
    subject: Subject, side: str, core: int, log: Path, *, starts: int, **variables: str
) -> Iterator[tuple[Server, float]]:
    """A server until the end of the block, and the median of how long it takes to start."""
    times = []
    for _ in range(starts - 1):
        with started(subject, side, core, log, **variables) as server:
            times.append(server.start_up)
    with started(subject, side, core, log, **variables) as server:
        yield server, statistics.median([*times, server.start_up])
