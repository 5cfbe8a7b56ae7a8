"""Business logic of the shop, independent of HTTP."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from ..core.problems import ConflictError
from .models import Order, OrderLine, Outcome, PaymentEvent, Product, Status
from .payments import Event, Payment

log = structlog.get_logger(__name__)


@transaction.atomic
def place_order(order: Order, quantities: dict[int, int], expected: Decimal) -> bool:
    """Save an order, and take its products from the stock, if the customer has seen the total.

    Return whether it is new: a second click on the button sends the same reference again.
    """
    # All orders lock rows in the same order, so they wait for each other and cannot deadlock.
    products = Product.objects.published().select_for_update(no_key=True)
    locked = products.order_by("pk").in_bulk(quantities)
    if Order.objects.filter(reference=order.reference).exists():
        return False
    for key, quantity in quantities.items():
        if key not in locked:
            raise ConflictError("A product is no longer for sale. Please check your basket.")
        if quantity > locked[key].stock:
            raise ConflictError(f"{locked[key]}: only {locked[key].stock} in stock.")
    order.total = sum((locked[key].price * number for key, number in quantities.items()), Decimal())
    order.currency = settings.SHOP_CURRENCY
    if order.total != expected:
        raise ConflictError("A price has changed. Please check the new total.")
    order.save()
    lines = [
        OrderLine(order=order, product=product, name=product.name, price=product.price)
        for product in locked.values()
    ]
    for line in lines:
        line.quantity = quantities[line.product.pk]
        line.product.stock -= line.quantity
    OrderLine.objects.bulk_create(lines)
    Product.objects.bulk_update(locked.values(), ["stock"])
    return True


@transaction.atomic
def cancel(order_id: int) -> bool:
    """Cancel an order that waits for its payment, and return its products to the stock."""
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    if order.status != Status.PENDING:
        return False
    order.status = Status.CANCELLED
    order.save(update_fields=["status", "updated_at"])
    quantities = dict(order.lines.values_list("product_id", "quantity"))
    products = Product.objects.select_for_update(no_key=True).order_by("pk").in_bulk(quantities)
    for key, product in products.items():
        product.stock += quantities[key]
    Product.objects.bulk_update(products.values(), ["stock"])
    return True


def cancel_unpaid(age: timedelta) -> int:
    """Cancel the orders that have waited longer for their payment. Return how many."""
    waiting = Order.objects.filter(status=Status.PENDING, created_at__lt=timezone.now() - age)
    return sum(cancel(key) for key in waiting.values_list("pk", flat=True))


def erase(order: Order) -> bool:
    """Erase the personal data of an order that no longer waits for its payment."""
    if order.status == Status.PENDING or not order.email:
        return False
    order.name = order.email = order.address = ""
    order.save(update_fields=["name", "email", "address", "updated_at"])
    return True


@transaction.atomic
def process(event: Event, link: Callable[[str], str]) -> None:
    """Process an event once: its row is saved in the same transaction as its effect.

    If it arrives twice at the same time, the second one waits for the first. `link` makes a URL
    for emails from a path.
    """
    row, is_new = PaymentEvent.objects.get_or_create(
        event_id=event.id, defaults={"kind": event.type, "outcome": Outcome.IGNORED}
    )
    if not is_new or event.type not in EFFECTS:
        return
    payment = Payment.model_validate(event.data.get("object"))
    if payment.order is None:  # for something else that the same provider account sells
        return
    order = Order.objects.select_for_update(no_key=True).filter(reference=payment.order).first()
    row.order = order
    row.outcome = EFFECTS[event.type](order, payment) if order else Outcome.REVIEW
    row.save(update_fields=["order", "outcome"])
    if row.outcome == Outcome.REVIEW:
        log.error("payment needs a review", event_id=event.id, kind=event.type)
    elif order and row.outcome == Outcome.APPLIED and order.status == Status.PAID:
        # An error here is logged; the order stays paid.
        url = link(order.get_absolute_url())
        transaction.on_commit(lambda: confirm(order, url), robust=True)


def confirm(order: Order, url: str) -> None:
    """Tell the customer that an order is paid."""
    text = render_to_string("shop/paid.txt", {"order": order, "url": url})
    try:
        send_mail(f"{order} is paid", text, None, [order.email])
    except OSError as error:  # its message contains the address
        log.error("confirmation not sent", order=order.pk, error=type(error).__name__)


def _pay(order: Order, payment: Payment) -> Outcome:
    if payment.payment_status != "paid" or payment.payment_intent == order.payment_id:
        return Outcome.IGNORED
    is_whole = (payment.amount_total, payment.currency) == (order.amount, order.currency.lower())
    if order.status != Status.PENDING or not is_whole:
        return Outcome.REVIEW
    return _set(order, Status.PAID, payment)


def _refund(order: Order, payment: Payment) -> Outcome:
    if not payment.refunded or order.status == Status.REFUNDED:
        return Outcome.IGNORED
    if order.payment_id not in ("", payment.payment_intent):  # of a second payment
        return Outcome.IGNORED
    cancel(order.pk)  # returns the products, unless the order was paid
    return _set(order, Status.REFUNDED, payment)


def _set(order: Order, status: Status, payment: Payment) -> Outcome:
    order.status, order.payment_id = status, payment.payment_intent or ""
    order.save(update_fields=["status", "payment_id", "updated_at"])
    return Outcome.APPLIED


def _cancel(order: Order, payment: Payment) -> Outcome:
    return Outcome.APPLIED if cancel(order.pk) else Outcome.IGNORED


EFFECTS: dict[str, Callable[[Order, Payment], Outcome]] = {
    "checkout.session.completed": _pay,
    "checkout.session.async_payment_succeeded": _pay,
    "checkout.session.async_payment_failed": _cancel,
    "checkout.session.expired": _cancel,
    "charge.refunded": _refund,
}
