"""Events of an order, as the page about live updates of that version says."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from .accounts.dependencies import requires
from .live import events
from .live.callers import HttpCaller
from .live.hub import Hub

router = APIRouter(tags=["orders"])


@router.post("/api/v1/orders/{order}/news", status_code=204, dependencies=[requires("orders:write")])
async def tell(order: int, text: str, request: Request) -> None:
    """Tell everybody who follows an order."""
    hub: Hub = request.state.hub
    await hub.publish(f"orders/{order}", {"text": text})


@router.get("/live/orders/{order}", response_class=EventSourceResponse)
async def follow_order(
    order: int,
    request: Request,
    caller: HttpCaller,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Pass the messages of an order on, but not who follows it."""
    async for event in events.follow(request, f"orders/{order}", last_event_id, caller):
        if event.event != "presence":
            yield event
