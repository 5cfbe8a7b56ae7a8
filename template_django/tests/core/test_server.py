"""Gunicorn starts, obeys SIGTERM, and refuses to start with wrong variables."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

GUNICORN = (sys.executable, "-m", "gunicorn")


def free_port() -> str:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_it_serves_until_sigterm_and_logs_nothing_but_json() -> None:
    port = free_port()
    with subprocess.Popen(
        GUNICORN, stdout=subprocess.PIPE, text=True, env=os.environ | {"PORT": port}
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health/live")
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines
    assert all({"timestamp", "level", "event", "logger"} <= line.keys() for line in lines)


def wait_for(url: str) -> None:
    """Wait until somebody answers."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server does not answer")


@pytest.mark.parametrize("command", [GUNICORN, (sys.executable, "manage.py", "runserver")])
def test_nothing_starts_with_wrong_variables(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        command,
        env=os.environ | {"LOG_LEVEL": "hunter2", "PORT": free_port()},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["LOG_LEVEL: DEBUG, INFO, WARNING, ERROR or CRITICAL"]
