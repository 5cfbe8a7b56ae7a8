"""An event stream for each member of a room."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ..live import events
from ..live.callers import HttpCaller
from . import service
from .schemas import After, MessageId, RoomName

router = APIRouter(prefix="/live/rooms", tags=["rooms"])
LastEventId = Annotated[MessageId | None, Header(description="What a browser sends to resume.")]


@router.get("/{room}", response_class=EventSourceResponse)
async def follow_room(
    request: Request,
    room: RoomName,
    caller: HttpCaller,
    after: After = None,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send a room's events."""
    topic = service.topic_of(room)
    async for event in events.follow(request, topic, last_event_id or after, caller):
        yield event
