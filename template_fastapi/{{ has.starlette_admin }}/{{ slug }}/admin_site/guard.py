"""The guard of the admin: networks, headers, a transaction for each request, and the log of changes."""

import secrets
from contextlib import asynccontextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from ..accounts.endpoints import client_of
from ..core.database import get_session
from ..environment import environment
from . import sessions

# Only scripts and styles of templates have the nonce. The hash is that of the only event handler,
# which opens the page selected in a menu. jQuery and the templates set `style` attributes.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; "
    "script-src-attr 'unsafe-hashes' 'sha256-ttbF9nDrLLfv879RCx6O/WXCr58mqjTeSkU35O4VIsQ='; "
    "style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
TARGETS = {"next", "_origin"}  # the parameters to which starlette-admin redirects
logger = structlog.get_logger(__name__)


class Guard:
    """Refuse requests from elsewhere, and commit the others' changes before the response starts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        request = Request(scope)
        refuse(request)
        state, nonce = request.state, secrets.token_urlsafe(16)
        state.nonce, state.cookie, state.changes, state.administrator = nonce, None, [], None
        state.headers = {}

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self.end(request, message["status"])
                headers = MutableHeaders(scope=message)
                headers.update(state.headers)
                if "text/html" in headers.get("content-type", ""):
                    headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
                if "etag" not in headers:  # static files have one
                    headers["Cache-Control"] = "no-store"
                if state.cookie is not None:
                    headers.append("Set-Cookie", set_cookie(state.cookie))
            await send(message)

        async with asynccontextmanager(get_session)(request) as state.session:
            await self.app(scope, receive, finish)

    async def end(self, request: Request, status: int) -> None:
        """End the transaction, and log what it has changed."""
        session, state = request.state.session, request.state
        if status >= 400:
            await session.rollback()
            return
        await session.commit()
        for change in state.changes:
            logger.info(**change)


def refuse(request: Request) -> None:
    """Raise an error for requests that no administrator's browser sends."""
    if environment.admin_networks:
        try:
            address = ip_address(client_of(request))
        except ValueError:  # the name of a socket
            raise HTTPException(404) from None
        address = getattr(address, "ipv4_mapped", None) or address  # of a server that listens on ::
        if not any(address in network for network in environment.admin_networks):
            raise HTTPException(404)
    for name, value in request.query_params.multi_items():
        if "\0" in value or (name in TARGETS and is_ambiguous(value)):
            raise HTTPException(400)
    # In addition to the token: a subdomain may set cookies, but cannot forge this header.
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.method not in SAFE and site != "same-origin":
        raise HTTPException(403)


def is_ambiguous(url: str) -> bool:
    """Return whether a browser may open a different site than starlette-admin expects."""
    try:
        urlsplit(url)  # starlette-admin does not catch the error
    except ValueError:
        return True
    return any(ord(each) < 32 for each in url)  # browsers drop some of these


def set_cookie(value: str) -> str:
    """Return the header for the session's cookie; without a value, it deletes the cookie."""
    secure = "; Secure" if environment.environment == "production" else ""
    age = int(sessions.LIFETIME.total_seconds()) if value else 0
    return f"{sessions.COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
