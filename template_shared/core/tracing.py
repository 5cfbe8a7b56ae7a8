"""Traces, by OpenTelemetry: https://opentelemetry.io/docs/languages/python/.

They are off until OTEL_EXPORTER_OTLP_ENDPOINT names a collector; the other OTEL_ variables work as
well. Off or on, every request belongs to a trace, whose context goes to the services that it calls.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import getrandbits
from typing import TYPE_CHECKING

from httpx2 import URL
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from .logging import REQUEST_ID_HEADER, request_ids
from .timeouts import FLUSH

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

type Attributes = Mapping[str, AttributeValue]

_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer | None = None
_provider: "TracerProvider | None" = None


def configure(service: str) -> None:
    """Send the traces of this process to the collector, if there is one; call it in every worker."""
    global _provider, _tracer
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _tracer:
        return
    # Not above: these take a third of a second.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault(OTEL_SERVICE_NAME, service)
    _provider = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(_provider)
    _tracer = _provider.get_tracer(service)


def stop() -> None:
    """Send what is not sent yet, for a few seconds: a collector that hangs must not keep the process."""
    if _provider:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(FLUSH)


def start_server_span(
    method: str, attributes: Attributes, traceparent: str | None, tracestate: str | None
) -> Span:
    """Begin the span of a request; `traceparent` is the header of that name."""
    parent = None
    if traceparent:
        headers = {"traceparent": traceparent, "tracestate": tracestate or ""}
        parent = _propagator.extract(headers, context.Context())
    if _tracer:
        return _tracer.start_span(method, parent or context.Context(), SpanKind.SERVER, attributes)
    if parent and (span := trace.get_current_span(parent)).get_span_context().is_valid:
        return span
    return NonRecordingSpan(
        SpanContext(getrandbits(128) or 1, getrandbits(64) or 1, is_remote=False)
    )


def is_recording() -> bool:
    """Whether what happens now belongs to a trace that will be sent."""
    return _tracer is not None and trace.get_current_span().is_recording()


@contextmanager
def client_span(name: str, attributes: Attributes) -> Iterator[Span]:
    """Record a call to something else, where `is_recording`."""
    tracer = _tracer or trace.NoOpTracer()
    with tracer.start_as_current_span(
        name,
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            fail(span, type(error).__qualname__)
            raise


def query_span(system: str, sql: str) -> AbstractContextManager[Span]:
    """Record a query. Its text has places for the values, which are left out."""
    operation = sql.lstrip(" (\n").partition(" ")[0].upper()
    attributes = {
        "db.system.name": system,
        "db.operation.name": operation,
        "db.query.text": sql,
    }
    return client_span(operation, attributes)


def fail(span: Span, error_type: str) -> None:
    """Mark a span as failed. What an exception says may hold secrets, so that only its type is kept."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


@contextmanager
def outgoing(
    method: str, url: URL, headers: MutableMapping[str, str]
) -> Iterator[Callable[[int], None]]:
    """Record a call to another service, which can continue the trace: it gets its context in `headers`.

    The block is given a function that takes the answer's status. Queries of URLs may hold secrets,
    and so may user names: these are left out.
    """
    attributes: Attributes = {
        "http.request.method": method,
        "server.address": url.host,
        "server.port": url.port or {"http": 80, "https": 443}.get(url.scheme, 0),
        "url.full": str(url.copy_with(query=None, userinfo=b"", fragment=None)),
    }
    with client_span(method, attributes) if is_recording() else nullcontext() as span:
        _propagator.inject(headers)
        if ids := request_ids.get():
            headers.setdefault(REQUEST_ID_HEADER, ids.request_id)

        def record(status: int) -> None:
            if span is not None:
                span.set_attribute("http.response.status_code", status)
                if status >= 400:
                    fail(span, str(status))

        yield record
