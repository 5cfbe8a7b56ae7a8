"""The admin's pages. Add yours to VIEWS: https://jowilf.github.io/starlette-admin/user-guide/."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette_admin import BooleanField, DateTimeField, IntegerField, StringField, TextAreaField

from .accounts.models import Account
from .admin_site.views import ModelView
from .items import service
from .items.models import Item
from .items.schemas import ItemCreate, ItemRead, ItemUpdate


class ItemView(ModelView):
    """Items, with the rules of the API."""

    model = Item
    key, menu_label, display_name = "items", "Items", "item"
    icon = "fa fa-cube"
    fields = (
        IntegerField("id"),
        StringField("name", required=True, maxlength=100),
        TextAreaField("description", maxlength=1000),
        IntegerField("quantity", required=True, min=0, default=0),
        DateTimeField("created_at", exclude_from_create=True, exclude_from_edit=True),
        DateTimeField("updated_at", exclude_from_create=True, exclude_from_edit=True),
    )
    searchable_fields = ("name", "description")
    sortable_fields = ("id", "name", "quantity", "created_at")
    read_schema, create_schema, update_schema = ItemRead, ItemCreate, ItemUpdate
    can_remove = True

    async def add(self, session: AsyncSession, values: ItemCreate) -> Item:
        return await service.create_item(session, values)

    async def change(self, session: AsyncSession, row_id: int, values: ItemUpdate) -> Item:
        return await service.update_item(session, row_id, values)

    async def remove(self, session: AsyncSession, row_id: int) -> None:
        await service.delete_item(session, row_id)


class AccountView(ModelView):
    """Accounts, without secrets and read-only: `python -m <package>.accounts` changes them."""

    model = Account
    key, menu_label, display_name = "accounts", "Accounts", "account"
    icon = "fa fa-users"
    fields = (
        IntegerField("id"),
        StringField("email"),
        StringField("scopes"),
        BooleanField("is_active"),
        DateTimeField("created_at"),
    )
    searchable_fields = ("email",)
    sortable_fields = ("id", "email", "created_at")


VIEWS: list[Any] = [ItemView, AccountView]
