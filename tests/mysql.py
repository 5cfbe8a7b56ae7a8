"""A throw-away MariaDB server from the machine's binaries, in the place of MySQL."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import free_port, unprivileged, wait

PATH = f"{os.environ['PATH']}:/usr/sbin"
# MySQL 8.4's defaults, where MariaDB has others; but not strict, as some hosts set it, because projects ask for that.
AS_MYSQL = (
    "--sql-mode=ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_520_ci",
    "--explicit-defaults-for-timestamp=1",
)


@dataclass
class Server:
    """A running server; everybody on this machine may use it as root."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.directory / "socket"

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """Creates an empty database and returns its URL."""
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def query(self, sql: str, name: str = "") -> str:
        """What the client prints for a statement."""
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch"]
        command += ["--skip-column-names", f"--execute={sql}", *filter(None, [name])]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def start(self) -> None:
        """Starts it, with what it held when it stopped."""
        log = self.directory / "log"
        command = [
            *_program("mariadbd"),
            f"--datadir={self.directory / 'data'}",
            f"--tmpdir={self.directory}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-method=nosync",
            *AS_MYSQL,
        ]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, user=unprivileged(), stdin=-3, stdout=output, stderr=output, cwd=self.directory
            )
        wait(self.process, log, self._is_ready)

    def _is_ready(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.query("SELECT 1") == "1\n"
        return False

    def stop(self) -> None:
        """Kills it: nobody needs its data any more."""
        assert self.process
        self.process.kill()
        self.process.wait(20)


@contextlib.contextmanager
def start() -> Iterator[Server]:
    """Starts a server on a free port with data of its own, and stops it at the end of the block."""
    if not shutil.which("mariadbd", path=PATH):
        pytest.skip("needs mariadb-server")
    with tempfile.TemporaryDirectory(prefix="groundplan-mysql-") as name:
        directory = Path(name)
        if user := unprivileged():
            shutil.chown(directory, user)
        command = [*_program("mariadb-install-db"), f"--datadir={directory / 'data'}", f"--tmpdir={directory}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        result = subprocess.run(command, user=user, cwd=directory, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        server = Server(directory, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program(name: str) -> list[str]:
    found = shutil.which(name, path=PATH)
    assert found, name
    return [found, "--no-defaults"]
