"""An event stream for each member of a room."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from ..live import events
from ..live.callers import HttpCaller
from . import service
from .schemas import After, MessageId, RoomName

router = APIRouter(prefix="/live/rooms", tags=["rooms"])
LastEventId = Annotated[MessageId | None, Header(description="Sent by a browser to resume.")]


@router.get("/{room}", response_class=events.EventStream)
async def follow_room(
    request: Request,
    room: RoomName,
    caller: HttpCaller,
    after: After = None,
    last_event_id: LastEventId = None,
) -> events.EventStream:
    """Send a room's events."""
    return events.follow(request, service.topic_of(room), last_event_id or after, caller)
