"""Traces through OpenTelemetry's public API: https://opentelemetry.io/docs/languages/python/.

Nothing is exported until OTEL_EXPORTER_OTLP_ENDPOINT is set; other OTEL_EXPORTER_OTLP_ variables
configure the export. Every request belongs to a trace, whose context outgoing calls pass on.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

_tracer = trace.get_tracer(__name__)
_ids = RandomIdGenerator()


def configure(service: str, endpoint: object | None) -> None:
    """Export the traces of this process to `endpoint`, if there is one."""
    if not endpoint:
        return
    # These imports take a third of a second.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", str(endpoint))
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    # Seconds for each batch. Short, so that four failing batches do not delay shutdown for long.
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def request_span(
    method: str, headers: Mapping[str, str], attributes: Mapping[str, AttributeValue]
) -> Iterator[Span]:
    """Make the span of a request current, for its log lines too; it continues a caller's trace."""
    parent = propagate.extract(headers, Context())
    span = _tracer.start_span(method, parent, SpanKind.SERVER, attributes)
    if not span.get_span_context().is_valid:  # no exporter, and no trace to continue
        ids = SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False)
        span = NonRecordingSpan(ids)
    trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    structlog.contextvars.bind_contextvars(trace_id=trace_id)
    with trace.use_span(span, True, record_exception=False, set_status_on_exception=False):
        yield span


def describe(span: Span, method: str, route: str, status: int) -> None:
    """Complete the span of a request once its route and status are known."""
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))


def start_query(system: str, statement: object) -> Span:
    """Start a query's span, without the values of parameters; it records if the request's does."""
    if not trace.get_current_span().is_recording():
        return trace.INVALID_SPAN
    text = str(statement)
    name = (text.split(maxsplit=1) or [system])[0]
    attributes = {"db.system.name": system, "db.query.text": text}
    return _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def fail(span: Span, error: BaseException) -> None:
    """Mark a span as failed, without the error's message, which may contain clients' data."""
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))
