"""An OTLP endpoint that counts the spans that it is sent: GET returns the counts as JSON.

A process of its own, on the load generator's core: receiving spans is not the service's work.
"""

import contextlib
import gzip
import json
import sys
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.processes import answers, free_port, running

SAMPLED = 0.1
SERVER = 2  # the kind of a span that stands for a request which was received

counts = {"spans": 0, "requests": 0}


@contextlib.contextmanager
def collecting(log: Path) -> Iterator[str]:
    """The URL of a collector, which runs until the end of the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "benchmarks.collector", str(port)]
    with running(command, log, lambda: answers(url), cwd=Path(__file__).resolve().parent.parent):
        yield url


def collected(collector: str) -> dict[str, int]:
    """How many spans came, and how many of them stand for a request."""
    with urllib.request.urlopen(collector, timeout=10) as response:  # noqa: S310
        found: dict[str, int] = json.load(response)
    return found


def tracing(collector: str) -> dict[str, str]:
    """The variables with which a project exports a tenth of its traces."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(SAMPLED),
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # exporters keep their connection

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path.endswith("/v1/traces"):
            for span in spans(body):
                counts["spans"] += 1
                counts["requests"] += (6, SERVER) in fields(span)
        self.answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        self.answer(json.dumps(counts).encode(), "application/json")

    def answer(self, body: bytes, media_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a server that is stopped closes its connection
            super().handle()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def spans(request: bytes) -> Iterator[bytes]:
    """The spans of an ExportTraceServiceRequest: field 2 of field 2 of field 1."""
    for resource in parts(request, 1):
        for scope in parts(resource, 2):
            yield from parts(scope, 2)


def parts(message: bytes, number: int) -> Iterator[bytes]:
    for found, value in fields(message):
        if found == number and isinstance(value, bytes):
            yield value


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and values of a Protocol Buffers message's fields.

    https://protobuf.dev/programming-guides/encoding/
    """
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
        else:
            size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
            yield number, message[position : position + size]
            position += size


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
