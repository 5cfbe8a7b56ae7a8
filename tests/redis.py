"""A throw-away Redis server from the machine's binary."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import free_port, unprivileged, wait


@dataclass
class Server:
    """A running server; everybody on this machine may use it."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *words: str) -> bytes:
        """The beginning of what it replies to a command; raises OSError if it does not."""
        request = b"*%d\r\n" % len(words)
        for word in words:
            request += b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode())
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(65536)

    def start(self) -> None:
        """Starts it, with what it held when it stopped."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command += ["--maxmemory-policy", "volatile-lru"]
        log = self.directory.with_suffix(".log")
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, user=unprivileged(), stdin=-3, stdout=output, stderr=output, cwd="/"
            )
        wait(self.process, log, self._is_ready, 20)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("PING").startswith(b"+PONG")
        return False

    def stop(self, by: int = signal.SIGTERM) -> None:
        """Stops it, which ends every connection."""
        assert self.process
        self.process.send_signal(by)
        self.process.wait(20)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Kills it, and starts it again at the end of the block."""
        self.stop(signal.SIGKILL)
        try:
            yield
        finally:
            self.start()


@contextlib.contextmanager
def start() -> Iterator[Server]:
    """Starts a server on a free port with data of its own, and stops it at the end of the block."""
    if not shutil.which("redis-server"):
        pytest.skip("needs redis-server")
    with tempfile.TemporaryDirectory(prefix="groundplan-redis-") as name:
        directory = Path(name, "data")
        directory.mkdir()
        if user := unprivileged():
            for path in (Path(name), directory):
                shutil.chown(path, user)
        server = Server(directory, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
