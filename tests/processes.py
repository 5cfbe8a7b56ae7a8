"""Programs that run beside a test or a benchmark until a block ends, such as servers, and ports for them."""

import contextlib
import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

# Exit codes after SIGTERM. Django's development server leaves the signal to Python; Uvicorn repeats it once it has
# stopped.
CLEAN = {0, -signal.SIGTERM}


class NotReadyError(Exception):
    """A program ended before it was ready, or took too long; the message has its log."""


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    ready: Callable[[], object] = lambda: True,
    *,
    seconds: float = 120,
    by: int = signal.SIGTERM,
    grace: float = 30,
    clean: bool = True,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a program in its own session, appends its output to `log`, and waits until it is ready.

    At the end of the block, the session gets the signal `by`; what still runs when the program has ended, or after
    `grace` seconds, is killed. The program must have ended cleanly, now or before, unless `clean` is false. `options`
    are those of Popen. Raises NotReadyError if the program ends, or `seconds` pass, before it is ready.
    """
    with log.open("ab") as output:
        options |= {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        wait(process, log, ready, seconds)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, by)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        code = process.poll()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    how = f"still ran {grace} seconds after the signal" if code is None else f"ended with {code}"
    assert not clean or code in CLEAN, f"{how}:\n{log.read_text()}"


def wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], object], seconds: float = 120) -> None:
    """Waits until a program is ready. Raises NotReadyError if it ends, or `seconds` pass, before it is."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise NotReadyError(f"ended with {process.returncode}:\n{log.read_text()}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"is not ready after {seconds} seconds:\n{log.read_text()}")
        time.sleep(0.01)


def unprivileged() -> str | None:
    """The user that servers run as in place of root, if this is root."""
    return "nobody" if os.geteuid() == 0 else None


def answers(url: str) -> bool:
    """Whether a GET of the URL is answered with 200."""
    with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(url, timeout=10) as response:
        response.read()
        return int(response.status) == 200
    return False


def listens(port: int) -> bool:
    """Whether a port of the loopback address accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _own_ports() -> Iterator[int]:
    """Ports that no other worker of this run takes, and that the system gives to nobody who asks for any port.

    So a port is still free when its server starts, which may be half a minute later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(20000 + worker % 8, 32000, 8))
    random.Random().shuffle(ports)  # noqa: S311 - another run may use the same
    return itertools.cycle(ports)


_PORTS = _own_ports()


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nothing listens on."""
    found: list[int] = []
    while len(found) < count:
        port = next(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    return free_ports(1)[0]
