"""A rendered project as production runs it: its own server command, several processes, real PostgreSQL."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.projects import Project, ask

PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SECRET_KEY": "only-of-this-test-and-long-enough-0123456789-0123456789",
}


class Instance:
    """One instance of the service on a port of its own, which it keeps when it is started again."""

    def __init__(self, project: Project, log: Path, variables: Mapping[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.project = project
        self.log = log
        self.variables = {**PRODUCTION, "PORT": self.address.partition(":")[2], **variables}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        command = [*self.project.poe_command, "--quiet", "serve"]
        environment = os.environ | self.project.variables | self.variables
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=self.project.path, env=environment, stdout=output, stderr=-2)
        self.wait_until(200)

    def wait_until(self, status: int, seconds: float = 60) -> None:
        """Waits until the readiness probe answers so."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if ask(f"{self.url}/health/ready").status == status:
                    return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def requests(self) -> int:
        """How many its log has of those that were answered; probes are not among them."""
        return self.log.read_text().count('"event": "request"')

    def workers(self) -> set[int]:
        """The processes that answer, at least as far as their names tell."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        names = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
        return {pid for pid, name in names.items() if "resource_tracker" not in name}

    def stop(self, number: int = signal.SIGTERM, seconds: float = 40) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


@contextlib.contextmanager
def instances(project: Project, directory: Path, count: int, **variables: str) -> Iterator[list[Instance]]:
    """Several instances that share a database, until the block ends."""
    running = [Instance(project, directory / f"{number}.log", variables) for number in range(count)]
    try:
        for instance in running:
            instance.start()
        yield running
    finally:
        for instance in running:
            if hasattr(instance, "process") and instance.process.poll() is None:
                instance.stop(signal.SIGINT)
