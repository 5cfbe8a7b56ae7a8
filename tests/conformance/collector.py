"""A server for tests: it keeps the spans that services export, and the headers of all other requests."""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.conformance.subject import eventually

SERVER = trace_pb2.Span.SpanKind.SPAN_KIND_SERVER
CLIENT = trace_pb2.Span.SpanKind.SPAN_KIND_CLIENT
ERROR = trace_pb2.Status.StatusCode.STATUS_CODE_ERROR


@dataclass(frozen=True)
class Span:
    """A span, its identifiers in hexadecimal as headers and logs have them."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    status: int
    attributes: dict[str, Any]
    service: str


class Collector:
    """What has arrived."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.all: list[Span] = []
        self.requests: list[Message] = []

    def spans(self, trace_id: str) -> list[Span]:
        """The spans of a trace that have arrived by now."""
        return [span for span in list(self.all) if span.trace_id == trace_id]

    def server_span(self, trace_id: str) -> Span:
        """The span of the request that began a service's part of a trace, once it is there."""
        span: Span | None = eventually(
            lambda: next((span for span in self.spans(trace_id) if span.kind == SERVER), None)
        )
        assert span, f"no server span of {trace_id} among {self.all}"
        return span


@contextlib.contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            collector.requests.append(self.headers)
            self.answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                collector.all += decoded(body)
            self.answer()

        def answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def decoded(body: bytes) -> list[Span]:
    """The spans of an export."""
    spans = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = attributes_of(resource.resource).get("service.name", "")
        for scope in resource.scope_spans:
            spans += [
                Span(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.kind,
                    status=span.status.code,
                    attributes=attributes_of(span),
                    service=service,
                )
                for span in scope.spans
            ]
    return spans


def attributes_of(thing: Any) -> dict[str, Any]:
    """Attributes as a dictionary of plain values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in thing.attributes
    }
