"""Example items for development: `manage.py seed` calls `seed`."""

from .models import Item

EXAMPLES = {"Chair": 4, "Lamp": 3, "Table": 1}


def seed() -> None:
    """Add missing items; existing items stay as they are."""
    for name in EXAMPLES:
        Item.objects.get_or_create(name=name, defaults={"quantity": EXAMPLES[name]})
