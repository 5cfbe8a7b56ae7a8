"""The admin's page for orders, as the page about the admin of that version says."""

from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin import IntegerField, StringField

from .admin_site.views import ModelView
from .orders import service
from .orders.models import Order
from .orders.schemas import OrderRead, OrderUpdate


class OrderView(ModelView):
    model = Order
    key, menu_label, display_name = "orders", "Orders", "order"
    fields = (
        IntegerField("id"),
        StringField("name", required=True),
        IntegerField("quantity", required=True),
        IntegerField("item_id", required=True),
    )
    searchable_fields = ("name",)
    sortable_fields = ("id", "name")
    read_schema, update_schema = OrderRead, OrderUpdate

    async def change(self, session: AsyncSession, row_id: int, values: OrderUpdate) -> Order:
        return await service.update_order(session, row_id, values)
