"""Admin pages of the shop. Staff change products; orders and events come from customers."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest

from . import services
from .models import Order, OrderLine, Outcome, PaymentEvent, Product


class ProductForm(forms.ModelForm[Product]):
    def clean_stock(self) -> int:
        """Refuse a new stock if orders have changed it since the page was opened."""
        stock: int = self.cleaned_data["stock"]
        if self.instance.pk and "stock" in self.changed_data:
            locked = Product.objects.select_for_update(no_key=True)
            product = locked.filter(pk=self.instance.pk).first()
            shown = self.data.get(self.add_initial_prefix("stock"))
            if product and str(product.stock) != shown:
                raise forms.ValidationError(
                    f"Orders have changed the stock to {product.stock}. Reload the page first."
                )
        return stock


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin[Product]):
    form = ProductForm
    list_display = ("name", "price", "stock", "published", "updated_at")
    list_filter = ("published", "updated_at")
    search_fields = ("name", "description")
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    readonly_fields = ("created_at", "updated_at")

    def formfield_for_dbfield(self, db_field: Field[Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Add the displayed stock to the form as a hidden initial value."""
        if db_field.name == "stock":
            kwargs["show_hidden_initial"] = True
        return super().formfield_for_dbfield(db_field, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save what was changed in the form: orders may have changed the stock meanwhile."""
        names = {field.name for field in obj._meta.concrete_fields}.intersection(form.changed_data)
        obj.save(update_fields=[*names, "updated_at"] if change else None)


class ReadOnlyMixin:
    """Nobody adds, changes or deletes rows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(ReadOnlyMixin, admin.TabularInline[OrderLine, Order]):
    model = OrderLine
    fields = ("name", "price", "quantity")


class EventInline(ReadOnlyMixin, admin.TabularInline[PaymentEvent, Order]):
    model = PaymentEvent
    fields = readonly_fields = ("kind", "outcome", "received_at")


@admin.register(Order)
class OrderAdmin(ReadOnlyMixin, admin.ModelAdmin[Order]):
    list_display = ("id", "name", "email", "status", "total", "currency", "created_at")
    list_filter = ("status", ("payment_url", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("=id", "name", "email")
    date_hierarchy = "created_at"
    readonly_fields = ("reference", "created_at", "updated_at")
    inlines = (LineInline, EventInline)
    actions = ("cancel", "erase")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shop.cancel_order")

    @admin.action(description="Cancel selected orders without payment", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        orders = [order for order in queryset if services.cancel(order.pk)]
        for order in orders:
            self.log_change(request, order, "Cancelled.")
        messages.success(request, f"Orders cancelled: {len(orders)}.")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shop.erase_order")

    @admin.action(description="Erase names and addresses of selected orders", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        orders = [order for order in queryset if services.erase(order)]
        for order in orders:
            self.log_change(request, order, "Personal data erased.")
        messages.success(request, f"Orders whose personal data was erased: {len(orders)}.")


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyMixin, admin.ModelAdmin[PaymentEvent]):
    list_display = ("event_id", "kind", "order", "outcome", "received_at")
    list_filter = ("outcome", "kind")
    list_select_related = ("order",)
    search_fields = ("event_id", "order__email")
    actions = ("review",)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shop.review_paymentevent")

    @admin.action(description="Mark selected events as reviewed", permissions=["review"])
    def review(self, request: HttpRequest, queryset: QuerySet[PaymentEvent]) -> None:
        events = list(queryset.filter(outcome=Outcome.REVIEW))
        PaymentEvent.objects.filter(pk__in=[event.pk for event in events]).update(
            outcome=Outcome.REVIEWED
        )
        for event in events:
            self.log_change(request, event, "Reviewed.")
        messages.success(request, f"Events reviewed: {len(events)}.")
