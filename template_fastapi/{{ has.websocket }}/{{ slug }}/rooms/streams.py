"""A WebSocket for each member of a room."""

from fastapi import APIRouter, WebSocket

from ..live import sockets
from ..live.callers import Caller
from . import service
from .schemas import After, PostCreate, RoomName

router = APIRouter(prefix="/live/rooms")


@router.websocket("/{room}")
async def follow(socket: WebSocket, room: RoomName, after: After = None) -> None:
    """Send a room's events, and post what the member sends."""

    async def receive(caller: Caller, text: str) -> None:
        post = PostCreate.model_validate_json(text)
        await service.post(socket.state.hub, room, caller.name, post)

    await sockets.follow(socket, service.topic_of(room), after, receive)
