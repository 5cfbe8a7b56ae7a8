"""What happens around every request: its identifier, its line in the log, the last resort for errors.

Written against ASGI itself: Starlette's BaseHTTPMiddleware would halve the throughput.
"""

import traceback
from collections.abc import Iterable, Mapping
from time import perf_counter

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ProblemResponse
from .health import PROBES
from .logging import REQUEST_ID_HEADER, log_request, request_id_from
from .problems import problem

HEADER_NAME = REQUEST_ID_HEADER.lower().encode()

logger = structlog.get_logger(__name__)

UNKNOWN_HOST = ProblemResponse(problem(400, "This service does not answer to that host name."))
TOO_LARGE = ProblemResponse(problem(413))


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(
        self, app: ASGIApp, *, allowed_hosts: Iterable[str], max_body_size: int, debug: bool
    ) -> None:
        self.app = app
        self.max_body_size = max_body_size
        self.debug = debug
        self.hosts = frozenset(allowed_hosts)
        self.domains = tuple(host for host in self.hosts if host.startswith("."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            is_refused = scope["type"] == "websocket" and not self.is_allowed(scope)
            await (UNKNOWN_HOST if is_refused else self.app)(scope, receive, send)
            return

        start = perf_counter()
        headers = dict(scope["headers"])
        request_id = request_id_from(headers.get(HEADER_NAME, b"").decode("latin-1"))
        context = structlog.contextvars.bind_contextvars(request_id=request_id)
        is_probe = scope["path"] in PROBES
        status = 0

        async def send_identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (HEADER_NAME, request_id.encode()),
                ]
            await send(message)

        try:
            if b"transfer-encoding" in headers:
                receive = self.limited(receive)
            responder = (not is_probe and self.refusal(scope, headers)) or self.app
            await responder(scope, receive, send_identified)
        except Exception as error:
            logger.exception("unhandled exception")
            if status:
                raise  # half a response is out: only closing the connection tells the client
            await self.apology(error)(scope, receive, send_identified)
        finally:
            if not is_probe:
                log_request(
                    method=scope["method"],
                    route=route_of(scope),
                    status=status,
                    duration_ms=round((perf_counter() - start) * 1000, 3),
                )
            structlog.contextvars.reset_contextvars(**context)

    def refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> ProblemResponse | None:
        """Decide by its headers alone whether a request goes no further."""
        if not self.is_allowed(scope):
            return UNKNOWN_HOST
        if int(headers.get(b"content-length", b"0")) > self.max_body_size:
            return TOO_LARGE
        return None

    def limited(self, receive: Receive) -> Receive:
        """Count a body whose size is not announced."""
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.max_body_size:
                raise HTTPException(413)
            return message

        return receive_limited

    def is_allowed(self, scope: Scope) -> bool:
        """Whether ALLOWED_HOSTS covers the Host header."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1:
            return False  # whoever reads them next may take another one than we would
        name = b"".join(hosts).decode("latin-1").lower()
        name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
        return name in self.hosts or f".{name}".endswith(self.domains) or "*" in self.hosts

    def apology(self, error: Exception) -> ProblemResponse:
        """Tell the client that it is our fault, and a developer also where it is."""
        if self.debug:
            return ProblemResponse(problem(500), traceback=traceback.format_exception(error))
        return ProblemResponse(problem(500))


def route_of(scope: Scope) -> str:
    """Return the route's template: paths hold identifiers and are without number."""
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route, "path_format", "unmatched")
