"""The API of rooms. Their streams are in streams.py."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, status

from ..live.callers import HttpCaller
from ..live.hub import Hub
from . import service
from .schemas import PostCreate, PostRead, RoomName, RoomRead

router = APIRouter(prefix="/api/v1/rooms", tags=["rooms"])


def get_hub(request: Request) -> Hub:
    hub: Hub = request.state.hub
    return hub


LiveHub = Annotated[Hub, Depends(get_hub)]


@router.get("/{room}")
async def read_room(room: RoomName, hub: LiveHub, _: HttpCaller) -> RoomRead:
    """Return the latest messages. A stream continues after the last one."""
    return RoomRead(posts=await service.latest(hub, room))


@router.post("/{room}/posts", status_code=status.HTTP_201_CREATED)
async def create_post(
    room: RoomName, post: PostCreate, hub: LiveHub, caller: HttpCaller
) -> PostRead:
    """Post a message to the room."""
    return await service.post(hub, room, caller.name, post)
