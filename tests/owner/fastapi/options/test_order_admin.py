"""The admin's page for orders."""

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from service.accounts import service
from service.items.models import Item
from service.orders.models import Order

from ..core.administration import ADA, ADMIN, PASSWORD, log_in, post


async def test_an_order_is_changed(client: AsyncClient, session: AsyncSession) -> None:
    await service.create(session, ADA, PASSWORD, ["admin"])
    item = Item(name="Wardrobe", description="", quantity=1)
    session.add(item)
    await session.flush()
    order = Order(name="First", description="", quantity=1, item_id=item.id)
    session.add(order)
    await session.commit()
    assert (await log_in(client)).status_code == 303
    assert "First" in (await client.get(f"{ADMIN}orders/list")).text
    form = {"name": "First", "quantity": "5", "item_id": str(item.id)}
    changed = await post(client, f"{ADMIN}orders/edit?pk={order.id}", **form)
    assert changed.status_code == 303, changed.text
    await session.refresh(order)
    assert order.quantity == 5
    wrong = await post(client, f"{ADMIN}orders/edit?pk={order.id}", **form | {"quantity": "-1"})
    assert wrong.status_code == 422
