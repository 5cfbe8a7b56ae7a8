"""The servers that are compared: how each is started, and what it takes from the machine."""

import contextlib
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
POOL_SIZE = 10  # the default of DATABASE_POOL_SIZE
TICK = os.sysconf("SC_CLK_TCK")


class FailedError(Exception):
    """A measurement that would mean nothing."""


@dataclass(frozen=True)
class Subject:
    """A rendered project, set up, with the endpoint that has no database."""

    framework: str
    server: str | None  # where there is a choice
    path: Path
    package: str
    environment: Path
    table: str

    def python(self, *arguments: str, **variables: str) -> None:
        """Runs Python in the project."""
        command: list[str | Path] = [self.environment / "bin" / "python", *arguments]
        done = subprocess.run(command, cwd=self.path, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedError(f"{shlex.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def prepare(project: Path, copy: Path) -> Subject:
    """Copies a project that is set up, and adds the endpoint that has no database as an owner would."""
    answers = project / ".copier-answers.yml"
    environment = project / ".venv"
    if not answers.exists() or not environment.exists():
        raise FailedError(f"{project} is not a rendered project that `uv sync` has set up.")
    recorded = yaml.safe_load(answers.read_text(encoding="utf-8"))
    framework, package = recorded["built"]["framework"], recorded["built"]["slug"]
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".env", "*.sqlite3")
    shutil.copytree(project, copy, ignore=ignored)
    shutil.copyfile(HERE / "overlay" / f"{framework}.py", copy / package / "bench.py")
    routers, line = {
        "django": ("api.py", 'api.add_router("/bench", bench)'),
        "fastapi": ("main.py", "app.include_router(bench)"),
    }[framework]
    with (copy / package / routers).open("a", encoding="utf-8") as file:
        file.write(f"\nfrom .bench import router as bench\n\n{line}\n")
    table = "items_item" if framework == "django" else "items"
    return Subject(framework, recorded.get("server"), copy, package, environment.resolve(), table)


def command(subject: Subject, side: str) -> list[str]:
    """The command that starts the server of a side. Settings that affect speed are the same for both sides."""
    if side == "full":
        # The command behind `poe serve`, which production runs without poe.
        tasks = tomllib.loads((subject.path / "poe_tasks.toml").read_text(encoding="utf-8"))["tasks"]
        text = re.sub(r"\$\{PORT[^}]*\}", "{port}", tasks["serve"]["cmd"])
        program, *options = shlex.split(text)
        return [program if program == "sh" else str(subject.environment / "bin" / program), *options]
    python = str(subject.environment / "bin" / "python")
    if subject.framework == "fastapi":
        settings = "--loop uvloop --http httptools --no-access-log --no-server-header --timeout-keep-alive 75"
        return [python, "-m", "uvicorn", "fastapi_app:app", *settings.split(), "--port", "{port}"]
    if subject.server == "granian":
        settings = "--interface wsgi --http 1 --no-ws --blocking-threads 4 --backpressure 1000 --no-log"
        return [python, "-m", "granian", "django_app:application", *settings.split(), "--port", "{port}"]
    settings = "--worker-class gthread --threads 4 --keep-alive 75 --worker-tmp-dir /dev/shm --no-control-socket"
    return [python, "-m", "gunicorn", "django_app", *settings.split(), "--bind", "127.0.0.1:{port}"]


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
        worker = tree(self.process.pid)[-1]
        lines = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    def stop(self) -> None:
        """Ends the server and waits for that."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            for pid in tree(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def start(subject: Subject, side: str, core: int, log: Path, **variables: str) -> Server:
    """Starts a server on a core and waits until it has answered a request for a row."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    variables |= {"PORT": str(port), "POOL_SIZE": str(POOL_SIZE)}
    variables["PATH"] = f"{subject.environment / 'bin'}:{variables['PATH']}"
    parts = [part.format(port=port) for part in command(subject, side)]
    directory = subject.path if side == "full" else HERE / "bare"
    with log.open("ab") as output:
        before = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *parts],  # which becomes the server: it replaces itself
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, port, log, 0.0)
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if server.request("GET", "/api/items/1")[0] == 200:
                return Server(process, port, log, time.perf_counter() - before)
        seconds = time.perf_counter() - before
        if process.poll() is not None or seconds > 60:
            server.stop()
            raise FailedError(f"The {side} {subject.framework} server did not start:\n{tail(log)}")
        time.sleep(0.005)


def tail(log: Path) -> str:
    """The end of a log, without the length of its lines: a traceback can be one of them."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
    return "\n".join(f"{line[:200]} ... {line[-200:]}" if len(line) > 400 else line for line in lines)


@contextlib.contextmanager
def running(
    subject: Subject, side: str, core: int, log: Path, *, starts: int, **variables: str
) -> Iterator[tuple[Server, float]]:
    """A server until the end of the block, and the median of how long it takes to start."""
    times = []
    for _ in range(starts - 1):
        server = start(subject, side, core, log, **variables)
        times.append(server.start_up)
        server.stop()
    server = start(subject, side, core, log, **variables)
    try:
        yield server, statistics.median([*times, server.start_up])
    finally:
        server.stop()
