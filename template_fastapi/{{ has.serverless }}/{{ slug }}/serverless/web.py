"""Lambda calls `handler` with the events of a function URL or of API Gateway."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

from mangum import Mangum
from mangum.types import LambdaContext
from opentelemetry import trace
from starlette.types import Receive, Scope, Send

from ..core.logging import REQUEST_ID_HEADER
from ..main import app

TEXT = ["text/", "application/json", "application/problem+json", "application/javascript"]

# Mangum would start and stop the application for each request. It starts once here, before the
# first request, and does not stop, because Lambda ends a process without notice.
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
running = AsyncExitStack()
state = loop.run_until_complete(running.enter_async_context(app.router.lifespan_context(app)))
logging.getLogger("mangum.http").setLevel(logging.WARNING)  # the service logs each request


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Call the service, as a server does. A request without an id gets that of its invocation."""
    headers, name = scope["headers"], REQUEST_ID_HEADER.lower().encode()
    if not any(header == name for header, _ in headers):
        headers = [*headers, (name, scope["aws.context"].aws_request_id.encode())]
    await app({**scope, "headers": headers, "state": dict(state or {})}, receive, send)


adapter = Mangum(application, lifespan="off", text_mime_types=TEXT)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request. Its traces are sent first, because Lambda freezes the process afterwards.

    OTEL_EXPORTER_OTLP_TIMEOUT limits the delay: the SDK ignores the timeout of `force_flush`.
    """
    try:
        return adapter(event, context)
    finally:
        if callable(flush := getattr(trace.get_tracer_provider(), "force_flush", None)):
            flush()
