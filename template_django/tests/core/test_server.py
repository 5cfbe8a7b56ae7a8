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


COMMANDS = [GUNICORN, (sys.executable, "manage.py", "runserver")]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_starts_with_wrong_variables(command: tuple[str, ...]) -> None:
    problems = refuse(command, "LOG_LEVEL", "hunter2")
    assert problems == ["LOG_LEVEL: DEBUG, INFO, WARNING, ERROR or CRITICAL"]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_starts_with_what_libpq_does_not_read(command: tuple[str, ...]) -> None:
    problems = refuse(command, "DATABASE_URL", "postgresql://me:hunter2@localhost/db?hunter2=1")
    assert problems == ["DATABASE_URL: a URL as libpq reads it, with no parameters but libpq's"]


@pytest.mark.parametrize("port", ["hunter2", "65536"])
def test_gunicorn_does_not_start_with_a_wrong_port(port: str) -> None:
    assert refuse(GUNICORN, "PORT", port) == ["PORT: a number from 1 to 65535"]


def test_gunicorn_does_not_start_without_workers() -> None:
    problems = refuse(GUNICORN, "WEB_CONCURRENCY", "0")
    assert problems == ["WEB_CONCURRENCY: a number from 1 to 1000"]


def refuse(command: tuple[str, ...], variable: str, value: str) -> list[str]:
    """Start with a wrong variable, in vain; return what is said about it."""
    result = subprocess.run(
        command,
        env=os.environ | {"PORT": free_port(), variable: value},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert result.returncode == 1
    return result.stderr.splitlines()
