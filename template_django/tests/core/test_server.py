"""Gunicorn starts, obeys SIGTERM, and refuses to start with wrong variables."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from http.client import HTTPConnection

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


def test_it_is_not_ready_from_sigterm_on() -> None:
    port = free_port()
    env = os.environ | {"PORT": port, "DATABASE_URL": "sqlite:///:memory:"}
    with subprocess.Popen(GUNICORN, stdout=subprocess.DEVNULL, env=env) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health/live")
            with closing(HTTPConnection("127.0.0.1", int(port), timeout=5)) as connection:
                assert ask(connection) == (200, {"database": "ok"})
                process.send_signal(signal.SIGTERM)
                time.sleep(0.5)  # less than Gunicorn waits before it closes idle connections
                assert ask(connection) == (503, {"server": "failed"})
            assert process.wait(10) == 0
        finally:
            process.kill()


def ask(connection: HTTPConnection) -> tuple[int, object]:
    """Ask whether the service is ready, and which checks say so."""
    connection.request("GET", "/health/ready")
    response = connection.getresponse()
    return response.status, json.load(response)["checks"]


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
