"""Server-sent events of a topic: https://fastapi.tiangolo.com/tutorial/server-sent-events/."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from time import monotonic

from fastapi import Request
from fastapi.sse import ServerSentEvent

from .callers import Caller, check
from .hub import EndedError, Event, Hub, Subscription

# Milliseconds until a client comes back: a different number for each, so that not all do so at once.
RETRY = (1_000, 10_000)


async def follow(
    request: Request, topic: str, after: str | None, caller: Caller
) -> AsyncIterator[ServerSentEvent]:
    """Yield a topic's events, until either side ends the connection.

    The last one says why the service does so. FastAPI sends a comment every 15 seconds in between.
    """
    hub: Hub = request.state.hub
    yield ServerSentEvent(retry=random.randint(*RETRY))  # noqa: S311
    try:
        with hub.connection():
            async with hub.subscribe(topic, after, caller.name) as subscription:
                due = monotonic() + caller.next_check
                while True:
                    if monotonic() >= due:
                        await check(request, caller)
                        due = monotonic() + caller.next_check
                    if event := await _next(subscription, due - monotonic()):
                        yield ServerSentEvent(event=event.kind, id=event.id, raw_data=event.data)
    except EndedError as error:
        yield ServerSentEvent(event="end", raw_data=json.dumps({"reason": error.reason.text}))


async def _next(subscription: Subscription, seconds: float) -> Event | None:
    """Return the next event, or None if none comes within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await subscription.next()
    except TimeoutError:
        return None
