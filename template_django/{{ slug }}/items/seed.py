"""Example items for development, which `poe seed` adds where they are missing."""

from .models import Item

EXAMPLES = {"Chair": 4, "Lamp": 3, "Table": 1}


def seed() -> None:
    """Add what is missing; what is there stays as it is."""
    for name, quantity in EXAMPLES.items():
        Item.objects.get_or_create(name=name, defaults={"quantity": quantity})
