"""The payment provider: a page where customers pay, and signed events about payments.

The events and their signatures are like those of Stripe: https://docs.stripe.com/webhooks.
"""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from pydantic import BaseModel, Field

from .models import Order

TOLERANCE = 5 * 60  # seconds between a signature and its arrival


class RefusedError(Exception):
    """An event that the provider did not sign, or signed too long ago."""


class Event(BaseModel, hide_input_in_errors=True):
    """The fields of all events; `data` depends on the kind."""

    id: str = Field(min_length=1, max_length=255)
    type: str = Field(min_length=1, max_length=100)
    data: dict[str, Any]


class Payment(BaseModel, hide_input_in_errors=True):
    """The fields that the shop reads from a Checkout Session or a Charge."""

    payment_intent: str | None = Field(default=None, max_length=255)  # the same in both
    metadata: dict[str, str] | None = None
    amount_total: int | None = None
    currency: str | None = None
    payment_status: str | None = None
    refunded: bool = False  # completely

    @property
    def order(self) -> UUID | None:
        """The reference of the order, which `create_payment` gives to the provider."""
        try:
            return UUID((self.metadata or {})["order"])
        except (KeyError, ValueError):
            return None


def create_payment(order: Order, page: str) -> str:
    """Return the URL where the customer pays; from there, they return to the order's `page`."""
    if settings.SHOP_STAND_IN:
        return reverse("shop:stand_in", args=[order.reference])
    # Your provider: docs/shop.md.
    raise ImproperlyConfigured("shop/payments.py has no payment provider yet.")


def sign(body: bytes, timestamp: int, secret: str) -> str:
    """Return the signature of an event."""
    return hmac.digest(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hex()


def verified(body: bytes, header: str) -> Event:
    """Return an event whose header proves that the provider has just sent it, or raise an error.

    A header is `t=TIMESTAMP,v1=SIGNATURE`, with several signatures during rotation.
    """
    parts = [part.strip().partition("=")[::2] for part in header.split(",")]
    timestamp = dict(parts).get("t", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        raise RefusedError("The signature has no time.")
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        raise RefusedError("The signature is too old, or from the future.")
    expected = [sign(body, int(timestamp), each) for each in settings.PAYMENT_WEBHOOK_SECRETS]
    given = [value for name, value in parts if name == "v1" and value.isascii()]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise RefusedError("The signature is wrong.")
    return Event.model_validate_json(body)


def stand_in_event(order: Order, kind: str) -> tuple[bytes, str]:
    """Return an event as the provider would send it, and its header. For development and tests."""
    payment = {
        "payment_intent": f"stand-in-{order.reference}",
        "metadata": {"order": str(order.reference)},
        "amount_total": order.amount,
        "currency": order.currency.lower(),
        "payment_status": "paid",
        "refunded": True,
    }
    event_id = f"stand-in-{order.reference}-{kind}"
    body = json.dumps({"id": event_id, "type": kind, "data": {"object": payment}}).encode()
    now = int(time.time())
    return body, f"t={now},v1={sign(body, now, settings.PAYMENT_WEBHOOK_SECRETS[0])}"
