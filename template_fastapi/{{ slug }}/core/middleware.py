"""ASGI middleware, one class for each concern: https://starlette.dev/middleware/#pure-asgi-middleware."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from time import perf_counter

import structlog
from fastapi.routing import RouteContext, iter_route_contexts
from sqlalchemy import QueuePool
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import metrics, tracing
from .errors import ProblemResponse
from .logging import REQUEST_ID_HEADER, request_id_from
from .problems import problem

# Probes and Prometheus use an instance's IP address, and their requests are too frequent to log.
EXEMPT = frozenset({"/health/live", "/health/ready", "/metrics"})
SECURITY_HEADERS: dict[str, str] = {  # `headers=SECURITY_HEADERS | {…}`; "" removes one
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # not for pages
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
logger = structlog.get_logger(__name__)


def is_exempt(scope: Scope) -> bool:
    return scope["path"].removeprefix(scope.get("root_path", "")) in EXEMPT


class RequestContext:
    """Give each request an id, for its response and its log lines, and a span."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers, method, status = Headers(scope=scope), scope.get("method", "GET"), 500
        request_id, application = request_id_from(headers.get(REQUEST_ID_HEADER)), scope["app"]
        # They stay bound, because the server logs unhandled exceptions later.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"].endswith("http.response.start"):  # also if a WebSocket is refused
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            elif status == 500:  # the first message of a WebSocket
                status = {"websocket.accept": 101, "websocket.close": 403}.get(message["type"], 500)
            await send(message)

        if is_exempt(scope):
            return await self.app(scope, receive, send_with_id)
        attributes = {"http.request.method": method, "url.path": scope["path"]}
        with tracing.request_span(method, headers, attributes) as span:
            scope["state"]["log_context"] = structlog.contextvars.get_contextvars()
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                tracing.describe(span, method, route_of(application, scope), status)


class RequestLog:
    """Log a line for each request when its response starts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def begin(self) -> None: ...

    def end(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        result = {"status": status, "duration_ms": round(seconds * 1000, 3)}
        logger.info("request", method=scope["method"], route=route, **result)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_exempt(scope):
            return await self.app(scope, receive, send)
        application, start, statuses = scope["app"], perf_counter(), list[int]()
        self.begin()

        def end(status: int) -> None:
            statuses.append(status)
            self.end(scope, route_of(application, scope), status, perf_counter() - start)

        async def send_and_end(message: Message) -> None:
            if message["type"] == "http.response.start":
                end(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_end)
        finally:
            if not statuses:  # an unhandled exception
                end(500)


class Metrics(RequestLog):
    """Measure requests. The duration excludes streaming and background tasks."""

    def begin(self) -> None:
        metrics.ACTIVE.inc()

    def end(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        metrics.ACTIVE.dec()
        metrics.observe(scope["method"], route, status, seconds)
        pool = getattr(scope["state"].get("engine"), "pool", None)
        if isinstance(pool, QueuePool):
            metrics.CONNECTIONS.labels("idle").set(pool.checkedin())
            metrics.CONNECTIONS.labels("used").set(pool.checkedout())


class SecurityHeaders:
    """Add headers that restrict browsers, unless the response already has them."""

    def __init__(
        self, app: ASGIApp, *, hsts: bool, headers: Mapping[str, str] = SECURITY_HEADERS
    ) -> None:
        self.app = app
        self.headers = [(n.lower().encode(), v.encode()) for n, v in headers.items() if v]
        self.hsts = [(b"strict-transport-security", b"max-age=31536000")] if hsts else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = dict(message.get("headers", ()))
                if present.get(b"content-type", b"").startswith(b"text/html"):
                    present[b"content-security-policy"] = b""  # only a page knows what it loads
                added = self.headers + (self.hsts if scope["scheme"] == "https" else [])
                missing = [header for header in added if header[0] not in present]
                message["headers"] = [*message.get("headers", ()), *missing]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AllowedHosts:
    """Starlette's TrustedHostMiddleware, with problem responses and an exemption for probes."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str]) -> None:
        self.app = app
        # ".example.com" includes the domain itself; Starlette's "*.example.com" does not.
        hosts = {host.removeprefix(".") for host in allowed_hosts}
        hosts |= {f"*{host}" for host in allowed_hosts if host.startswith(".")}
        hosts |= {f"{host}." for host in hosts if host != "*"}  # a name may end with a dot
        self.check = TrustedHostMiddleware(Response(), sorted(hosts), www_redirect=False)
        self.refusal = ProblemResponse(problem(400, "This service does not serve that host name."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        statuses: list[int] = []

        async def keep(message: Message) -> None:
            statuses.append(message.get("status", 0))

        if scope["type"] != "lifespan" and not is_exempt(scope):
            await self.check(scope, receive, keep)  # Starlette refuses with plain text
        await (self.refusal if 400 in statuses else self.app)(scope, receive, send)


@lru_cache(1000)
def routes_to(endpoint: int, count: int, app: Starlette) -> list[RouteContext]:
    return [route for route in iter_route_contexts(app.routes) if id(route.endpoint) == endpoint]


def route_of(app: Starlette, scope: Scope) -> str:
    """Return the declared path of the matched route or mount, with placeholders, or "unmatched"."""
    if "app_root_path" in scope:  # in a mounted application
        routes = list(iter_route_contexts(app.routes))
    elif not (routes := routes_to(id(scope.get("endpoint", app)), len(app.routes), app)):
        return str(getattr(scope.get("route"), "path_format", "unmatched"))  # main.py's default
    if len(routes) == 1:
        return routes[0].path_format or "unmatched"
    original = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    found = (route.path_format for route in routes if route.matches(original)[0] != Match.NONE)
    return next(found, None) or "unmatched"
