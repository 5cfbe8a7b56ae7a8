"""A test service that echoes its requests, and can delay, stream or upgrade."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream(ThreadingHTTPServer):
    """Answers any path with what it was asked; some paths take their time, stream, or change the protocol."""

    daemon_threads = True
    request_queue_size = 256
    address_family = 2

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.released = threading.Event()  # what /hang and /events wait for
        self.held = threading.Semaphore(0)  # one for each request that waits
        self.missing: set[str] = set()  # paths that are 404
        self.requests = 0  # so far


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Upstream
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, content: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response_only(status)
        self.send_header("X-Request-ID", self.headers["X-Request-ID"] or "none")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def hold(self) -> None:
        self.server.held.release()
        self.server.released.wait(60)

    def answer_any(self) -> None:
        """Answers any method."""
        self.server.requests += 1
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = self.path.partition("?")[0]
        if path in self.server.missing:
            self.answer(b"{}", status=404)
        elif path.endswith("/hang"):
            self.hold()
            self.answer(b"{}")
        elif path.endswith("/events"):
            self.events()
        elif path.endswith("/large"):
            self.answer(json.dumps(["word"] * 5000).encode())
        elif self.headers["Upgrade"] == "websocket":
            self.socket()
        else:
            told = {
                "method": self.command,
                "path": self.path,
                "body": len(body),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "names": [name.lower() for name in self.headers],
                "connection": self.client_address[1],
                "server": self.server.address,
            }
            self.answer(json.dumps(told).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer_any  # noqa: N815

    def events(self) -> None:
        """Two events: the second is sent when the test says so."""
        self.send_response_only(200)
        self.send_header("Content-Type", "text/event-stream")
        if "unbuffered" in self.path:
            self.send_header("X-Accel-Buffering", "no")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.hold()
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def socket(self) -> None:
        """Leave HTTP: echo all bytes until the client closes the connection."""
        self.send_response_only(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "upgrade")
        self.end_headers()
        with contextlib.suppress(OSError):
            while chunk := self.connection.recv(1024):
                self.connection.sendall(chunk)
        self.close_connection = True


@contextlib.contextmanager
def serving() -> Iterator[Upstream]:
    """An upstream that listens until the block ends."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
