"""Example products for development: `manage.py seed` calls `seed`."""

from decimal import Decimal

from .models import Product

EXAMPLES = {
    "Desk lamp": ("49.00", 12, "Lights the desk, not your eyes."),
    "Oak chair": ("180.00", 4, "Solid oak, oiled. Holds up to 130 kg."),
    "Wool blanket": ("95.50", 0, "130 × 180 cm, from one farm."),
}


def seed() -> None:
    """Add missing products; existing products stay as they are."""
    for name, (price, stock, description) in EXAMPLES.items():
        values = {
            "name": name,
            "price": Decimal(price),
            "stock": stock,
            "description": description,
            "published": True,
        }
        slug = name.lower().replace(" ", "-")
        Product.objects.get_or_create(slug=slug, defaults=values)
