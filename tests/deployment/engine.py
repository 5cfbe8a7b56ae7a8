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

# As an orchestrator that takes no chances would start a container.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--memory=512m")


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    id: str

    @property
    def state(self) -> dict[str, Any]:
        """Its state, as `docker inspect` has it."""
        state: dict[str, Any] = self.inspect()["State"]
        return state

    @property
    def logs(self) -> str:
        """What it has written so far, stdout first."""
        result = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)
        return result.stdout + result.stderr

    def inspect(self) -> dict[str, Any]:
        """All that the engine knows about it."""
        details: dict[str, Any] = json.loads(docker("inspect", self.id))[0]
        return details

    def url(self, port: int = 8000) -> str:
        """Where the host reaches a port that was published with `--publish=127.0.0.1::<port>`."""
        return f"http://{docker('port', self.id, str(port)).splitlines()[0]}"

    def execute(self, *command: str, options: Sequence[str] = (), code: int = 0) -> str:
        """Runs a command in it, which must end with `code`, and returns what it printed."""
        return docker("exec", *options, self.id, *command, code=code)

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Waits until a condition holds; fails with its logs where it ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if condition():
                    return
            assert self.state["Running"], f"it ended:\n{self.logs}"
            assert time.monotonic() < deadline, f"not within {seconds} seconds:\n{self.logs}"
            time.sleep(0.1)

    def wait_until_healthy(self, seconds: float = 60) -> None:
        """Waits until its own health check says so."""
        self.wait(lambda: self.state["Health"]["Status"] == "healthy", seconds)

    def stop(self, seconds: int = 30) -> int:
        """Sends SIGTERM, and SIGKILL after `seconds` as orchestrators do; returns the exit code."""
        docker("stop", "-t", str(seconds), self.id)
        code: int = self.state["ExitCode"]
        return code


class Engine:
    """The engine that answered."""

    def run(self, *command: str, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0) -> str:
        """Runs `docker ...`, which must end with `code`, and returns what it printed, errors included."""
        return docker(*command, cwd=cwd, env=env, code=code)

    def build(self, project: Path, tag: str, *options: str, code: int = 0) -> str:
        """Builds an image from a directory; returns the log."""
        return docker(
            "buildx", "build", "--load", "--progress=plain", f"--tag={tag}", *options, ".", cwd=project, code=code
        )

    def once(self, image: str, *command: str, options: Sequence[str] = HARDENED, code: int = 0) -> str:
        """Runs a command in a container of its own, which must end with `code`, and returns what it printed."""
        return docker("run", "--rm", *options, image, *command, code=code)

    @contextlib.contextmanager
    def container(self, image: str, *command: str, options: Sequence[str] = HARDENED) -> Iterator[Container]:
        """Starts a container, and removes it with its anonymous volumes at the end of the block."""
        container = Container(docker("create", *options, image, *command).split()[-1])
        try:
            docker("start", container.id)
            yield container
        finally:
            docker("rm", "--force", "--volumes", container.id)


def docker(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, code: int = 0) -> str:
    """Runs `docker ...`."""
    return run("docker", *command, cwd=cwd, env=env, code=code)


def missing() -> str:
    """Says what is missing; nothing where an engine answers and has the plugins."""
    if shutil.which("docker") is None:
        return "there is no command `docker`"
    for command in (["version"], ["buildx", "version"], ["compose", "version"]):
        result = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
        if result.returncode:
            return f"`docker {' '.join(command)}` says: {result.stderr.strip()}"
    return ""
