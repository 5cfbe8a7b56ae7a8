"""Server-sent events of a topic: https://fastapi.tiangolo.com/tutorial/server-sent-events/."""

import json
import random
from collections.abc import AsyncIterator
from time import monotonic

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import ServerSentEvent, format_sse_event

from .callers import Caller, check
from .hub import ALIVE, EndedError, Hub

# Milliseconds until a client reconnects: random, so that not all do so at once.
RETRY = (1_000, 10_000)


class EventStream(StreamingResponse):
    """A response of events.

    FastAPI's EventSourceResponse has two more tasks and two queues for each connection. In FastAPI
    0.165, an event took ten times as much CPU time with it.
    """

    media_type = "text/event-stream"

    async def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        """Yield events to FastAPI, for endpoints that were written before this class."""
        async for part in self.body_iterator:
            lines = bytes(part if isinstance(part, bytes) else b"").decode().split("\n")
            fields = {name: value for name, _, value in (line.partition(": ") for line in lines)}
            if "data" in fields:
                fields["raw_data"] = fields.pop("data")
            yield ServerSentEvent.model_validate({k: v for k, v in fields.items() if k})


def follow(request: Request, topic: str, after: str | None, caller: Caller) -> EventStream:
    """Send a topic's events, until either side ends the connection."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second is for nginx
    return EventStream(_events(request, topic, after, caller), headers=headers)


async def _events(
    request: Request, topic: str, after: str | None, caller: Caller
) -> AsyncIterator[bytes]:
    """Yield events. The last one says why the stream ends."""
    hub: Hub = request.state.hub
    yield format_sse_event(retry=random.randint(*RETRY))  # noqa: S311
    try:
        with hub.connection():
            async with hub.subscribe(topic, after, caller.name) as subscription:
                due = monotonic() + caller.next_check
                while True:
                    if monotonic() >= due:
                        await check(request, caller)
                        due = monotonic() + caller.next_check
                    event = await subscription.next_within(min(ALIVE, due - monotonic()))
                    yield format_sse_event(event=event.kind, id=event.id, data_str=event.data)
    except EndedError as error:
        reason = json.dumps({"reason": error.reason.text})
        yield format_sse_event(event="end", data_str=reason)
