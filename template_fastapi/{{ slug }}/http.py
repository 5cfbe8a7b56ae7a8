"""Calls to other services.

A client keeps its connections: create one for many calls, for example in the lifespan of main.py.
If it follows redirects, their targets also receive the trace and the request id.
It keeps no cookies: it would send those of one user's response with the next user's request.
"""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
import structlog
from opentelemetry import propagate

from .core.logging import REQUEST_ID_HEADER


async def propagate_context(request: httpx2.Request) -> None:
    """Pass on the trace and the id of the current request."""
    propagate.inject(request.headers)
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        request.headers.setdefault(REQUEST_ID_HEADER, request_id)


def create_client(**options: Any) -> httpx2.AsyncClient:
    """Create an httpx2 client with the given options, such as `base_url`."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    client = httpx2.AsyncClient(**{"cookies": no_cookies} | options)
    client.event_hooks["request"].append(propagate_context)
    return client
