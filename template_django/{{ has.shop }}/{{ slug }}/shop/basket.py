"""The basket: quantities by product, in the visitor's session."""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.sessions.backends.base import SessionBase

from .models import Product

MAX_PRODUCTS = 50
MAX_QUANTITY = 10
KEY = "basket"


@dataclass(frozen=True)
class Line:
    """A product in a basket."""

    product: Product
    quantity: int

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity


class Basket:
    """The basket of a session."""

    def __init__(self, session: SessionBase) -> None:
        self.session = session

    def quantities(self) -> dict[int, int]:
        """Return the quantity of each product, by its id."""
        return {int(key): quantity for key, quantity in self.session.get(KEY, {}).items()}

    def set(self, product: Product, quantity: int) -> bool:
        """Change the quantity of a product; 0 removes it. Return whether the basket has room."""
        quantities = {line.product.pk: line.quantity for line in self.lines()}
        quantities.pop(product.pk, None)
        if quantity:
            quantities[product.pk] = quantity
        if len(quantities) > MAX_PRODUCTS:
            return False
        self.session[KEY] = {str(key): value for key, value in quantities.items()}
        return True

    def clear(self) -> None:
        self.session.pop(KEY, None)

    def lines(self) -> list[Line]:
        """Return the products that are still for sale."""
        quantities = self.quantities()
        products = Product.objects.published().filter(pk__in=quantities)
        return [Line(product, quantities[product.pk]) for product in products]


def total(lines: list[Line]) -> Decimal:
    """Return what these lines cost."""
    return sum((line.total for line in lines), Decimal())
