"""OpenTelemetry: off until told where to; then one trace from the caller to the database and the next service."""

import secrets
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.conformance.collector import CLIENT, ERROR, SERVER, Collector, collecting
from tests.conformance.conftest import Start, options
from tests.conformance.subject import Subject, eventually

SAMPLED, UNSAMPLED = "01", "00"


class Parent:
    """A caller's span, as its traceparent header tells."""

    def __init__(self, flags: str = SAMPLED) -> None:
        self.trace_id = secrets.token_hex(16)
        self.span_id = secrets.token_hex(8)
        self.header = f"00-{self.trace_id}-{self.span_id}-{flags}"


def test_a_request_is_a_span_named_by_its_route(traced: Subject, collector: Collector) -> None:
    parent = Parent()
    traced.ask("/api/items/999999?note=private", traceparent=parent.header)
    span = collector.server_span(parent.trace_id)
    assert span.parent_id == parent.span_id
    assert span.name == "GET /api/items/{item_id}"
    expected = {
        "http.request.method": "GET",
        "http.route": "/api/items/{item_id}",
        "http.response.status_code": 404,
        "url.path": "/api/items/999999",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
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
    traced.ask("/api/items/987654321", traceparent=parent.header)
    queries = collector.client_spans(parent.trace_id, "db.system.name")
    within = {span.span_id for span in collector.spans(parent.trace_id)}
    assert collector.server_span(parent.trace_id).span_id in within
    for query in queries:
        assert query.attributes["db.system.name"] == "postgresql"
        assert query.parent_id in within
    assert any("SELECT" in query.attributes["db.query.text"] for query in queries)
    assert "987654321" not in "".join(query.attributes["db.query.text"] for query in queries)


def test_the_log_names_the_trace(traced: Subject) -> None:
    parent = Parent()
    traced.ask("/api/probe/fail", traceparent=parent.header, X_Request_ID="in-a-trace")
    traced.request_line("in-a-trace")
    assert {line["trace_id"] for line in traced.lines("in-a-trace")} == {parent.trace_id}


def test_a_trace_goes_on_in_the_service_that_is_called(traced: Subject, other: Subject, collector: Collector) -> None:
    """And so does the request's identifier. The other service is built on another framework."""
    parent = Parent()
    url = quote(f"{other.url}/api/items/999999")
    answer = traced.ask(f"/api/probe/call?url={url}", traceparent=parent.header, X_Request_ID="handed-on")
    assert answer.status == 200
    assert answer.json == 404

    calls = collector.client_spans(parent.trace_id, "http.request.method")
    assert len(calls) == 1
    assert calls[0].kind == CLIENT
    assert calls[0].attributes["http.request.method"] == "GET"
    assert calls[0].attributes["http.response.status_code"] == 404
    assert calls[0].attributes["server.address"] == "127.0.0.1"
    called = eventually(
        lambda: next((s for s in collector.spans(parent.trace_id) if s.parent_id == calls[0].span_id), None)
    )
    assert called, collector.spans(parent.trace_id)
    assert called.name == "GET /api/items/{item_id}"
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
def test_a_malformed_parent_is_no_parent(traced: Subject, collector: Collector, header: str) -> None:
    request_id = f"malformed-{secrets.token_hex(4)}"
    assert traced.ask("/api/items", traceparent=header, X_Request_ID=request_id).status == 200
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
        traced.ask("/api/items", traceparent=parent.header)
    for parent in later:
        collector.server_span(parent.trace_id)


def test_the_last_spans_leave_before_the_process_does(start: Start) -> None:
    with collecting() as collector:
        slowly = options(collector) | {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
        parents = [Parent() for _ in range(10)]
        with start(**slowly) as service:
            for parent in parents:
                service.ask("/api/items", traceparent=parent.header)
            assert service.stop() == 0
        arrived = [span.parent_id for span in collector.all if span.kind == SERVER]
        assert sorted(arrived) == sorted(parent.span_id for parent in parents)


@pytest.fixture(params=["down", "hanging"])
def bad_collector(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a collector that refuses connections, or accepts them and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        if request.param == "hanging":
            yield url
            return
    yield url


def test_a_collector_that_fails_harms_nobody(start: Start, bad_collector: str) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": bad_collector, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with start(**variables) as service:
        until = time.monotonic() + 3  # longer than the first exports
        while time.monotonic() < until:
            before = time.monotonic()
            assert service.ask("/api/items").status == 200
            assert time.monotonic() - before < 1
        before = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - before < 10


def test_it_is_off_until_told_where_to(start: Start) -> None:
    """Nothing goes to where OpenTelemetry sends by default; the log has the trace's identifier all the same."""
    try:
        listening = socket.create_server(("127.0.0.1", 4318))
    except OSError:
        pytest.skip("something listens on port 4318")
    with listening, start(OTEL_BSP_SCHEDULE_DELAY="100") as service:
        parent = Parent()
        service.ask("/api/items", traceparent=parent.header, X_Request_ID="untraced")
        assert service.request_line("untraced")["trace_id"] == parent.trace_id
        assert service.stop() == 0  # by when it would have sent what it has
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
