"""The container engine: `docker` with its plugins buildx and compose, and containers that are always removed."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools import run

# Options of a hardened orchestrator.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--memory=512m")


@dataclass(frozen=True)
class Container:
    """A running container."""

    id: str

    @property
    def state(self) -> dict[str, Any]:
        """The state from `docker inspect`."""
        state: dict[str, Any] = self.inspect()["State"]
        return state

    @property
    def logs(self) -> str:
        """The output so far, stdout first."""
        result = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)
        return result.stdout + result.stderr

    def inspect(self) -> dict[str, Any]:
        """The result of `docker inspect`."""
        details: dict[str, Any] = json.loads(docker("inspect", self.id))[0]
        return details

    def url(self, port: int = 8000) -> str:
        """The address of a port that was published with `--publish=127.0.0.1::<port>`."""
        return f"http://{docker('port', self.id, str(port)).splitlines()[0]}"

    def execute(self, *command: str, options: Sequence[str] = (), code: int = 0) -> str:
        """Run a command in the container, which must exit with `code`, and return its output."""
        return docker("exec", *options, self.id, *command, code=code)

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait until a condition holds. Fails with the logs if the container ends or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if condition():
                    return
            assert self.state["Running"], f"it ended:\n{self.logs}"
            assert time.monotonic() < deadline, f"not within {seconds} seconds:\n{self.logs}"
            time.sleep(0.1)

    def wait_until_healthy(self, seconds: float = 60) -> None:
        """Wait until the health check passes."""
        self.wait(lambda: self.state["Health"]["Status"] == "healthy", seconds)

    def stop(self, seconds: int = 30) -> int:
        """Send SIGTERM, and SIGKILL after `seconds`, like an orchestrator. Return the exit code."""
        docker("stop", "-t", str(seconds), self.id)
        code: int = self.state["ExitCode"]
        return code


class Engine:
    """A container engine."""

    def run(self, *command: str, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0) -> str:
        """Run `docker ...`, which must exit with `code`, and return its output, including errors."""
        return docker(*command, cwd=cwd, env=env, code=code)

    def build(self, project: Path, tag: str, *options: str, code: int = 0) -> str:
        """Build an image from a directory and return the log."""
        return docker(
            "buildx", "build", "--load", "--progress=plain", f"--tag={tag}", *options, ".", cwd=project, code=code
        )

    def once(self, image: str, *command: str, options: Sequence[str] = HARDENED, code: int = 0) -> str:
        """Run a command in a new container, which must exit with `code`, and return its output."""
        return docker("run", "--rm", *options, image, *command, code=code)

    @contextlib.contextmanager
    def container(self, image: str, *command: str, options: Sequence[str] = HARDENED) -> Iterator[Container]:
        """Run a container until the end of the block, then remove it with its anonymous volumes."""
        container = Container(docker("create", *options, image, *command).split()[-1])
        try:
            docker("start", container.id)
            yield container
        finally:
            docker("rm", "--force", "--volumes", container.id)


def docker(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0) -> str:
    """Run `docker ...`."""
    return run("docker", *command, cwd=cwd, env=env, code=code)


def missing() -> str:
    """Return what is missing, or nothing if an engine with the plugins answers."""
    if shutil.which("docker") is None:
        return "there is no command `docker`"
    for command in (["version"], ["buildx", "version"], ["compose", "version"]):
        result = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
        if result.returncode:
            return f"`docker {' '.join(command)}` says: {result.stderr.strip()}"
    return ""
