"""OpenTelemetry: off without an endpoint; with one, a trace from the caller to the database and the next service."""

import secrets
import socket
import time
from urllib.parse import quote

import pytest

from tests.conformance.collector import CLIENT, ERROR, SERVER, Collector, Span, collecting
from tests.conformance.conftest import Start, options
from tests.conformance.subject import Subject, eventually

SAMPLED, UNSAMPLED = "01", "00"
CALLED = "GET /api/v1/items/{item_id}"


class Parent:
    """A caller's span, as its traceparent header tells."""

    def __init__(self, flags: str = SAMPLED) -> None:
        self.trace_id = secrets.token_hex(16)
        self.span_id = secrets.token_hex(8)
        self.header = f"00-{self.trace_id}-{self.span_id}-{flags}"


def test_a_request_is_a_span_named_by_its_route(traced: Subject, collector: Collector) -> None:
    parent = Parent()
    traced.ask("/api/v1/items/999999?note=private", traceparent=parent.header)
    span = collector.server_span(parent.trace_id)
    assert span.parent_id == parent.span_id
    assert span.name == "GET /api/v1/items/{item_id}"
    expected = {
        "http.request.method": "GET",
        "http.route": "/api/v1/items/{item_id}",
        "http.response.status_code": 404,
        "url.path": "/api/v1/items/999999",
    }
    assert expected.items() <= span.attributes.items()
    assert span.status != ERROR, "that the client asked for nothing that exists is no error of the service"
    assert span.service
    assert "private" not in str(span)


def test_a_failure_is_an_error(traced: Subject, collector: Collector) -> None:
    parent = Parent()
    traced.ask("/api/probe/fail", traceparent=parent.header)
    span = collector.server_span(parent.trace_id)
    assert span.status == ERROR
    assert span.attributes["http.response.status_code"] == 500
    assert "hunter" not in str(collector.spans(parent.trace_id))


def test_queries_are_spans_without_their_values(traced: Subject, collector: Collector) -> None:
    parent = Parent()
    traced.ask("/api/v1/items/987654321", traceparent=parent.header)
    server = collector.server_span(parent.trace_id)

    def found() -> list[Span]:
        """Under OpenTelemetry's present names or those before, as the instrumentation has them."""
        spans = collector.spans(parent.trace_id)
        return [span for span in spans if {"db.system.name", "db.system"} & set(span.attributes)]

    queries = eventually(lambda: [span for span in found() if "SELECT" in text_of(span)] and found())
    assert queries, collector.spans(parent.trace_id)
    within = {span.span_id for span in collector.spans(parent.trace_id)}
    assert server.span_id in within
    assert {query.parent_id for query in queries} <= within
    assert {query.kind for query in queries} == {CLIENT}
    assert "987654321" not in str(queries)


def text_of(span: Span) -> str:
    """The query of a span."""
    return str(span.attributes.get("db.query.text") or span.attributes.get("db.statement") or "")


def test_the_log_names_the_trace(traced: Subject) -> None:
    parent = Parent()
    traced.ask("/api/probe/fail", traceparent=parent.header, X_Request_ID="in-a-trace")
    traced.request_line("in-a-trace")
    assert {line["trace_id"] for line in traced.lines("in-a-trace")} == {parent.trace_id}


def test_a_trace_goes_on_in_the_service_that_is_called(traced: Subject, other: Subject, collector: Collector) -> None:
    """And so does the request's identifier. The other service has the other framework."""
    parent = Parent()
    url = quote(f"{other.url}/api/v1/items/999999")
    answer = traced.ask(f"/api/probe/call?url={url}", traceparent=parent.header, X_Request_ID="handed-on")
    assert answer.status == 200
    assert answer.json == 404

    called = eventually(lambda: next((s for s in collector.spans(parent.trace_id) if s.name == CALLED), None))
    caller = eventually(
        lambda: next((s for s in collector.spans(parent.trace_id) if s.parent_id == parent.span_id), None)
    )
    assert called, collector.spans(parent.trace_id)
    assert caller, collector.spans(parent.trace_id)
    assert called.kind == SERVER
    # A span of the call itself may be in between: an instrumentation of the client makes one.
    by_id = {span.span_id: span for span in collector.spans(parent.trace_id)}
    assert caller.span_id in {called.parent_id, by_id[called.parent_id].parent_id if called.parent_id in by_id else ""}
    assert other.request_line("handed-on")["trace_id"] == parent.trace_id


def test_what_the_caller_does_not_sample_is_not_exported_but_handed_on(traced: Subject, collector: Collector) -> None:
    parent = Parent(UNSAMPLED)
    collector.requests.clear()
    traced.ask(f"/api/probe/call?url={quote(collector.url)}/next", traceparent=parent.header, X_Request_ID="unsampled")
    handed_on = collector.requests[-1]
    version, trace_id, span_id, flags = handed_on["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", parent.trace_id, UNSAMPLED)
    assert len(span_id) == 16
    assert handed_on["X-Request-ID"] == "unsampled"
    assert traced.request_line("unsampled")["trace_id"] == parent.trace_id
    after_a_later_span(traced, collector)
    assert collector.spans(parent.trace_id) == []


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"00-{'g' * 32}-{'1' * 16}-01",
        f"00-{'1' * 31}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}",
        f"00-{'1' * 32}-{'1' * 16}-01-extra",
    ],
)
def test_a_malformed_parent_is_ignored(traced: Subject, collector: Collector, header: str) -> None:
    request_id = f"malformed-{secrets.token_hex(4)}"
    assert traced.ask("/api/v1/items", traceparent=header, X_Request_ID=request_id).status == 200
    trace_id = traced.request_line(request_id)["trace_id"]
    assert trace_id not in header
    assert collector.server_span(trace_id).parent_id == ""


def test_probes_and_scrapes_are_not_traced(traced: Subject, collector: Collector) -> None:
    parent = Parent()
    for path in ("/health/live", "/health/ready", "/metrics"):
        traced.ask(path, traceparent=parent.header)
    after_a_later_span(traced, collector)
    assert collector.spans(parent.trace_id) == []
    assert not [span for span in collector.all if "/health" in str(span) or "/metrics" in str(span)]


def after_a_later_span(traced: Subject, collector: Collector) -> None:
    """Waits until what the workers had to export before now has been exported."""
    later = [Parent() for _ in range(8)]  # to more than one worker, as far as that can be seen from here
    for parent in later:
        traced.ask("/api/v1/items", traceparent=parent.header)
    for parent in later:
        collector.server_span(parent.trace_id)


def test_the_last_spans_leave_before_the_process_does(start: Start) -> None:
    with collecting() as collector:
        slowly = options(collector) | {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
        parents = [Parent() for _ in range(10)]
        with start(**slowly) as service:
            for parent in parents:
                service.ask("/api/v1/items", traceparent=parent.header)
            service.stop()
        arrived = [span.parent_id for span in collector.all if span.kind == SERVER]
        assert sorted(arrived) == sorted(parent.span_id for parent in parents)


@pytest.mark.usefixtures("once_per_framework")
def test_a_collector_that_hangs_delays_nothing(start: Start) -> None:
    """It accepts connections and never answers. The service ends in time all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with start(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_SCHEDULE_DELAY="100") as service:
            until = time.monotonic() + 2  # longer than the first exports
            while time.monotonic() < until:
                before = time.monotonic()
                assert service.ask("/api/v1/items").status == 200
                assert time.monotonic() - before < 1
            service.stop()


def test_it_is_off_without_an_endpoint(start: Start) -> None:
    """Nothing goes to where OpenTelemetry sends by default; the log has the trace's identifier all the same."""
    try:
        listening = socket.create_server(("127.0.0.1", 4318))
    except OSError:
        pytest.skip("something listens on port 4318")
    with listening, start(OTEL_BSP_SCHEDULE_DELAY="100") as service:
        parent = Parent()
        service.ask("/api/v1/items", traceparent=parent.header, X_Request_ID="untraced")
        assert service.request_line("untraced")["trace_id"] == parent.trace_id
        service.stop()  # by when it would have sent what it has
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
