"""Connections of pages with orders, as the page about live updates of that version says."""

from asgiref.sync import sync_to_async

from ..live.consumers import REFUSED, LiveConsumer
from ..live.updates import announce

ORDERS = "orders"


class OrderListConsumer(LiveConsumer):
    """Only users who may view orders follow them."""

    group = ORDERS

    async def connect(self) -> None:
        """Connect, or say why not."""
        user = self.scope["user"]
        if user and await sync_to_async(user.has_perm)("orders.view_order"):
            await super().connect()
        else:
            await self.accept()
            await self.end(REFUSED, "not permitted")


def announce_orders() -> None:
    """Tell the open pages."""
    announce(ORDERS)
