"""HTTP endpoints for items; business logic is in services.py. Reading needs no login: `auth=None`."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from ..schemas import Id, Page
from . import services
from .filters import ItemQuery
from .models import Item
from .schemas import ItemCreate, ItemRead, ItemUpdate

router = Router(tags=["items"])


@router.get("", response=Page[ItemRead], auth=None)
def list_items(request: HttpRequest, query: Query[ItemQuery]) -> dict[str, Any]:
    """List the items, oldest first."""
    return query.page(Item.objects.all())


@router.post("", response={201: ItemRead})
def create_item(request: HttpRequest, values: ItemCreate, response: HttpResponse) -> Item:
    """Create an item."""
    item = services.create_item(values)
    response.headers["Location"] = f"{request.path}/{item.pk}"
    return item


@router.get("/{item_id}", response=ItemRead, auth=None)
def get_item(request: HttpRequest, item_id: Path[Id]) -> Item:
    """Show an item."""
    return services.get_item(item_id)


@router.patch("/{item_id}", response=ItemRead)
def update_item(request: HttpRequest, item_id: Path[Id], changes: ItemUpdate) -> Item:
    """Change some fields of an item."""
    return services.update_item(item_id, changes)


@router.delete("/{item_id}", response={204: None})
def delete_item(request: HttpRequest, item_id: Path[Id]) -> None:
    """Delete an item."""
    services.delete_item(item_id)
