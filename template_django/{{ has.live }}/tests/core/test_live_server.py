"""The server for WebSockets: heartbeats, and its end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OPTIONS = ["--host=127.0.0.1", "--ws-ping-interval=0.2", "--ws-ping-timeout=0.5"]
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
PING = b"\x89"  # the first byte of the message


@dataclass
class Server:
    process: "subprocess.Popen[bytes]"
    port: int


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server as `poe live` starts it, with shorter pauses between its pings."""
    tasks = tomllib.loads((ROOT / "poe_tasks.live.toml").read_text())["tasks"]
    program, _, *options, _ = tasks["live"]["cmd"].split()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "tests.core.live_server:application", *options, *OPTIONS, f"--port={port}"]
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "sqlite:///:memory:"},
        start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield Server(process, port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_a_page_that_does_not_answer_pings_is_disconnected(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as page:
        page.sendall(HANDSHAKE)
        received = b""
        while part := page.recv(4096):
            received += part
    assert received.startswith(b"HTTP/1.1 101 ")
    assert b"changed" in received
    assert PING in received


def test_sigterm_ends_connections_and_the_server(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/") as page:
        assert page.recv(30) == "changed"
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError) as ended:
            page.recv(30)
    assert ended.value.rcvd
    assert ended.value.rcvd.code == 1012  # service restart
    assert server.process.wait(30) in (0, -signal.SIGTERM)
