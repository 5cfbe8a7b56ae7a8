"""Business logic for items, independent of HTTP."""

from django.db import transaction

from ..core.database import constraints
from ..core.problems import NotFoundError
from .models import Item
from .schemas import ItemCreate, ItemUpdate


def get_item(item_id: int, *, lock: bool = False, deletes: bool = False) -> Item:
    """Find an item; with `lock`, other requests wait before they change or delete it.

    Unless the caller `deletes` it, they can add rows that refer to it meanwhile.
    """
    found = Item.objects.select_for_update(no_key=not deletes) if lock else Item.objects
    try:
        return found.get(pk=item_id)
    except Item.DoesNotExist:
        raise NotFoundError("Item not found.") from None


def create_item(values: ItemCreate) -> Item:
    """Add an item."""
    return _saved(Item(**values.model_dump()))


@transaction.atomic
def update_item(item_id: int, changes: ItemUpdate) -> Item:
    """Change the given fields of an item."""
    item = get_item(item_id, lock=True)
    for field in changes.model_fields_set:
        setattr(item, field, getattr(changes, field))
    return _saved(item)


@transaction.atomic
def delete_item(item_id: int) -> None:
    """Delete an item, unless other rows refer to it."""
    with constraints(referenced="This item is still in use."):
        get_item(item_id, lock=True, deletes=True).delete()


def _saved(item: Item) -> Item:
    # Only the database knows whether a name is free: another request may take it at any time.
    with constraints(duplicate="An item with this name already exists."):
        item.save()
    return item
