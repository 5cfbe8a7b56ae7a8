"""A job of the owner's, as the page about jobs of that version says."""

from ..background.jobs import job
from .consumers import announce_orders
from .models import Order

CALLS: list[str] = []


@job("Delete empty orders")
def delete_empty(first: int) -> str:
    number, _ = Order.objects.filter(pk__range=(first, first + 499), quantity=0).delete()
    announce_orders()
    return f"{number}\r\n"


def look_around() -> None:
    """Do something regularly."""
    CALLS.append("called")
