"""Example tickets for development: `manage.py seed` calls `seed`."""

from .models import Ticket

EXAMPLES = {"T-1": "Order new lamps", "T-2": "Answer the auditors", "T-3": "Renew the licence"}


def seed() -> None:
    """Add missing tickets; existing tickets stay as they are."""
    for reference, title in EXAMPLES.items():
        Ticket.objects.get_or_create(reference=reference, defaults={"title": title})
