"""What is recorded of every request: its line in the log, its measurements and its span."""

import re
from collections import deque
from contextlib import suppress
from contextvars import Token, copy_context
from random import getrandbits
from time import perf_counter, time

from opentelemetry import context, trace

from . import metrics, tracing
from .logging import RequestIds, flush, log_request, request_ids

# What a client makes up must not become a label.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})

_well_formed = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def request_id_from(header: str | None, new: str = "") -> str:
    """Return what joins a response, its log lines and the caller's own: theirs, if short and plain."""
    return header if header and _well_formed(header) else new or f"{getrandbits(128):032x}"


class Observation:
    """One request. `end` it whatever happens, and `record_ended` soon after."""

    __slots__ = (
        *("_attached", "_set", "_start", "bound", "ids", "method", "moment"),
        *("route", "seconds", "span", "status"),
    )

    def __init__(
        self,
        method: str,
        path: str,
        scheme: str,
        host: str | None,
        request_id: str | None,
        traceparent: str | None,
        tracestate: str | None,
        request_start: str | None,
    ) -> None:
        """Begin: the last four are the headers of these names."""
        self._start = perf_counter()
        metrics.active.add(1)
        if request_start:
            metrics.observe_queue(request_start)
        self.method = method if method in METHODS else "_OTHER"
        self.span = tracing.start_server_span(
            self.method,
            {"http.request.method": self.method, "url.path": path, "url.scheme": scheme},
            traceparent,
            tracestate,
        )
        if self.span.is_recording():
            self.span.set_attribute("server.address", re.sub(r":\d+$", "", host or ""))
        trace_id = f"{self.span.get_span_context().trace_id:032x}"
        self.ids = RequestIds(request_id_from(request_id, trace_id), trace_id)
        self._set: Token[RequestIds | None] = request_ids.set(self.ids)
        self._attached = context.attach(trace.set_span_in_context(self.span))

    def end(self, route: str, status: int) -> None:
        """Note how it went; `route` is the template, of which there are few."""
        self.seconds = perf_counter() - self._start
        self.moment = time()
        self.route = route
        self.status = status
        self.bound = copy_context()
        metrics.active.add(-1)
        context.detach(self._attached)
        request_ids.reset(self._set)
        _ended.append(self)

    def record(self) -> None:
        """Write the line, measure, and end the span."""
        log_request(
            self.ids, self.method, self.route, self.status, self.seconds, self.moment, self.bound
        )
        metrics.observe(self.method, self.route, self.status, self.seconds)
        if self.span.is_recording():
            self.span.update_name(f"{self.method} {self.route}")
            self.span.set_attributes(
                {"http.route": self.route, "http.response.status_code": self.status}
            )
            if self.status >= 500 or not self.status:
                tracing.fail(self.span, str(self.status))
            self.span.end(int(self.moment * 1_000_000_000))


_ended: deque[Observation] = deque()


def record_ended() -> None:
    """Record the requests that have ended: for many at once, each costs half as much."""
    while _ended:
        with suppress(IndexError):  # another thread was faster
            _ended.popleft().record()
    flush()
