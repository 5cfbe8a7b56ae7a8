"""What happens around every request: its identifier, its line in the log, the last resort for errors.

Written against ASGI itself: Starlette's BaseHTTPMiddleware would halve the throughput.
"""

import traceback
from asyncio import get_running_loop
from collections.abc import Iterable, Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ProblemResponse
from .headers import HSTS, SECURITY_HEADERS
from .health import PROBES
from .logging import REQUEST_ID_HEADER
from .metrics import PATH as METRICS
from .observation import Observation, record_ended, request_id_from
from .problems import problem

type Headers = Mapping[bytes, bytes]

QUIET = PROBES | {METRICS}  # asked by machines, again and again: left out of all records

REQUEST_ID = REQUEST_ID_HEADER.lower().encode()
OBSERVED = (b"host", REQUEST_ID, b"traceparent", b"tracestate", b"x-request-start")
HEADERS = {name.lower().encode(): value.encode() for name, value in SECURITY_HEADERS.items()}

logger = structlog.get_logger(__name__)

UNKNOWN_HOST = ProblemResponse(problem(400, "This service does not answer to that host name."))
TOO_LARGE = ProblemResponse(problem(413))


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        machines: ASGIApp,
        allowed_hosts: Iterable[str],
        max_body_size: int,
        debug: bool,
        in_production: bool,
    ) -> None:
        self.app = app
        self.machines = machines
        self.max_body_size = max_body_size
        self.debug = debug
        self.hosts = frozenset(allowed_hosts)
        self.domains = tuple(host for host in self.hosts if host.startswith("."))
        self.headers = list(HEADERS.items())
        self.headers_of_https = self.headers.copy()
        if in_production:
            self.headers_of_https.append((b"strict-transport-security", HSTS.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            is_refused = scope["type"] == "websocket" and not self.is_allowed(scope)
            await (UNKNOWN_HOST if is_refused else self.app)(scope, receive, send)
            return

        headers: Headers = dict(scope["headers"])
        if scope["path"] in QUIET:
            await self.answer_machine(scope, receive, send, headers)
            return

        observation = Observation(
            scope["method"],
            scope["path"],
            scope["scheme"],
            *[
                None if (value := headers.get(name)) is None else str(value, "latin-1")
                for name in OBSERVED
            ],
        )
        added = [
            (REQUEST_ID, observation.ids.request_id.encode()),
            *(self.headers_of_https if scope["scheme"] == "https" else self.headers),
        ]
        status = 0
        method = scope["method"]
        if method == "HEAD":  # of which FastAPI's routes know nothing
            scope["method"] = "GET"

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                scope["method"] = method  # the server leaves out the body
                add_headers(message, added)
            await send(message)

        try:
            if b"transfer-encoding" in headers:
                receive = self.limited(receive)
            await (self.refusal(scope, headers) or self.app)(scope, receive, send_with_headers)
        except Exception as error:
            logger.exception("unhandled exception")
            if status:
                raise  # half a response is out: only closing the connection tells the client
            await self.apology(error)(scope, receive, send_with_headers)
        finally:
            observation.end(route_of(scope), status)
            get_running_loop().call_soon(record_ended)  # the first one is for all

    async def answer_machine(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers
    ) -> None:
        """Answer who watches over this service, without a record."""
        given = headers.get(REQUEST_ID, b"").decode("latin-1")
        added = [(REQUEST_ID, request_id_from(given).encode()), *self.headers]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message, added)
            await send(message)

        await self.machines(scope, receive, send_with_headers)

    def refusal(self, scope: Scope, headers: Headers) -> ProblemResponse | None:
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


def add_headers(message: Message, added: Iterable[tuple[bytes, bytes]]) -> None:
    """Add to a response's headers those that it does not have yet."""
    headers = message.get("headers", ())
    present = dict(headers)
    message["headers"] = [*headers, *[header for header in added if header[0] not in present]]


def route_of(scope: Scope) -> str:
    """Return the route's template: paths hold identifiers and are without number."""
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route, "path_format", "unmatched")
