from decimal import Decimal
from typing import Self
from uuid import uuid4

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(published=True)


class Product(models.Model):
    """Something for sale. Its price is in SHOP_CURRENCY."""

    name = models.CharField(max_length=200)
    slug = models.SlugField("address", max_length=100, unique=True)
    description = models.TextField(max_length=10_000, blank=True, default="")
    price = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )
    stock = models.PositiveIntegerField(default=0)
    published = models.BooleanField(default=False, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(condition=Q(price__gt=0), name="product_has_a_price"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:detail", args=[self.slug])


class Status(models.TextChoices):
    PENDING = "pending", "Waiting for payment"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Order(models.Model):
    """An order. Anyone who knows its reference can see its page."""

    reference = models.UUIDField(default=uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    email = models.EmailField()
    address = models.TextField(max_length=1000)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.PENDING, db_index=True
    )
    total = models.DecimalField(max_digits=13, decimal_places=2)
    currency = models.CharField(max_length=3)
    payment_id = models.CharField(max_length=255, blank=True, default="")  # the PaymentIntent
    payment_url = models.URLField(max_length=2000, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        permissions = (
            ("cancel_order", "Can cancel order"),
            ("erase_order", "Can erase personal data of order"),
        )

    def __str__(self) -> str:
        return f"Order {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("shop:order", args=[self.reference])

    @property
    def amount(self) -> int:
        """The total in the currency's smallest unit, such as cents."""
        return int(self.total * 100)


class OrderLine(models.Model):
    """A product, with its name and price at the time of the order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity


class Outcome(models.TextChoices):
    APPLIED = "applied"
    IGNORED = "ignored"
    REVIEW = "review", "Needs a review"
    REVIEWED = "reviewed"


class PaymentEvent(models.Model):
    """An event of the payment provider. Each is processed once, however often it arrives."""

    event_id = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=100)
    order = models.ForeignKey(Order, models.PROTECT, related_name="events", null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, db_index=True)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        permissions = (("review_paymentevent", "Can review payment event"),)

    def __str__(self) -> str:
        return self.event_id
