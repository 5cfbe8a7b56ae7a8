"""A WebSocket for each order, as the page about live updates of that version says."""

from fastapi import APIRouter, Request, WebSocket
from pydantic import BaseModel

from .accounts.dependencies import CurrentUser
from .live import sockets
from .live.callers import Caller
from .live.hub import Hub

router = APIRouter(tags=["orders"])


class Remark(BaseModel):
    """What a client says about an order."""

    remark: str


@router.websocket("/live/orders/{order}")
async def follow_order(socket: WebSocket, order: int, after: str | None = None) -> None:
    """Send the events of an order, and pass remarks on."""

    async def receive(caller: Caller, text: str) -> None:
        remark = Remark.model_validate_json(text)
        hub: Hub = socket.state.hub
        await hub.publish(f"orders/{order}", {"by": caller.name, "remark": remark.remark})

    await sockets.follow(socket, f"orders/{order}", after, receive)


@router.get("/api/v1/orders/{order}/remarks")
async def list_remarks(order: int, request: Request, _: CurrentUser) -> list[str]:
    """Return the ids of the latest remarks."""
    hub: Hub = request.state.hub
    return [message_id for message_id, _ in await hub.latest(f"orders/{order}")]
