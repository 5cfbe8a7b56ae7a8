"""Pages of the shop, which need no login, and the endpoint for the payment provider's events."""

from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import DetailView, FormView, ListView
from pydantic import ValidationError

from ..core.problems import ServiceError
from . import payments, services
from .basket import MAX_PRODUCTS, MAX_QUANTITY, Basket, total
from .forms import CheckoutForm, QuantityForm
from .models import Order, Product, Status

log = structlog.get_logger(__name__)
ORDER = "order"  # in the session
MAX_BYTES = 256 * 1024  # of an event


class ProductList(ListView[Product]):
    """The catalogue with search and pages: `?q=lamp&page=2`."""

    model = Product
    paginate_by = 12

    def get_queryset(self) -> QuerySet[Product]:
        products = Product.objects.published()
        for word in self.request.GET.get("q", "").replace("\0", "").split()[:10]:
            products = products.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return products

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context, currency=settings.SHOP_CURRENCY)


class ProductDetail(DetailView[Product]):
    model = Product

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.published()

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        quantity = Basket(self.request.session).quantities().get(self.object.pk)
        context |= {"currency": settings.SHOP_CURRENCY, "quantity": quantity}
        return super().get_context_data(**context, form=QuantityForm({"quantity": quantity or 1}))


@never_cache
@require_safe
def show_basket(request: HttpRequest) -> HttpResponse:
    lines = Basket(request.session).lines()
    context: dict[str, Any] = {"lines": lines, "total": total(lines)}
    context |= {"currency": settings.SHOP_CURRENCY, "max_quantity": MAX_QUANTITY}
    if ORDER in request.session:  # until it is paid
        orders = Order.objects.filter(status=Status.PENDING)
        context["pending"] = orders.filter(reference=request.session[ORDER]).first()
    return render(request, "shop/basket.html", context)


@require_POST
def change_basket(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the quantity of a product."""
    product = get_object_or_404(Product.objects.published(), slug=slug)
    form = QuantityForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"The quantity must be a number from 0 to {MAX_QUANTITY}.")
        return redirect(product)
    if not Basket(request.session).set(product, form.cleaned_data["quantity"]):
        messages.error(request, f"A basket has at most {MAX_PRODUCTS} products.")
    return redirect("shop:basket")


@method_decorator(never_cache, name="dispatch")
class Checkout(FormView[CheckoutForm]):
    """Take the address, place the order, and send the customer to the payment provider."""

    form_class = CheckoutForm
    template_name = "shop/checkout.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.basket = Basket(request.session)
        self.lines = self.basket.lines()
        if not self.lines and request.method != "POST":
            return redirect("shop:basket")
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        user = self.request.user
        return {"email": user.email} if user.is_authenticated else {}

    def form_valid(self, form: CheckoutForm) -> HttpResponse:
        order = form.save(commit=False)
        order.reference = form.cleaned_data["reference"] or order.reference
        if Order.objects.filter(reference=order.reference).exists():  # the button was clicked twice
            return redirect(order)
        if not self.lines:
            return redirect("shop:basket")
        try:
            quantities = {line.product.pk: line.quantity for line in self.lines}
            if not services.place_order(order, quantities, form.cleaned_data["expected"]):
                return redirect(order)
        except ServiceError as error:
            return self.refuse(form, str(error))
        try:
            page = self.request.build_absolute_uri(order.get_absolute_url())
            order.payment_url = payments.create_payment(order, page)
        except Exception:  # of any kind: otherwise its products would stay reserved
            log.exception("payment not created", order=order.pk)
            services.cancel(order.pk)
            return self.refuse(form, "Payment is not possible at the moment. No order was placed.")
        order.save(update_fields=["payment_url"])
        self.basket.clear()
        self.request.session[ORDER] = str(order.reference)  # the basket shows it
        return redirect(order.payment_url)

    def refuse(self, form: CheckoutForm, reason: str) -> HttpResponse:
        form.add_error(None, reason)
        self.lines = self.basket.lines()  # with prices as they are now
        return super().form_invalid(form)

    def form_invalid(self, form: CheckoutForm) -> HttpResponse:
        return super().form_invalid(form) if self.lines else redirect("shop:basket")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        context |= {"lines": self.lines, "total": total(self.lines), "reference": uuid4()}
        return super().get_context_data(**context, currency=settings.SHOP_CURRENCY)


@method_decorator(never_cache, name="dispatch")
class OrderDetail(DetailView[Order]):
    """An order, for anyone who knows its reference, without the name and addresses."""

    model = Order
    slug_field = slug_url_kwarg = "reference"


@method_decorator(never_cache, name="dispatch")
class StandIn(DetailView[Order]):
    """The page where customers pay in development."""

    model = Order
    slug_field = slug_url_kwarg = "reference"
    template_name = "shop/stand_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.SHOP_STAND_IN:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        order = self.get_object()
        kind = "completed" if "pay" in request.POST else "expired"
        event = payments.stand_in_event(order, f"checkout.session.{kind}")
        services.process(payments.verified(*event), request.build_absolute_uri)
        return redirect(order)


@csrf_exempt  # the signature protects it
@require_POST
def receive_event(request: HttpRequest) -> HttpResponse:
    """Receive an event of the payment provider, which sends it again unless the status is 2xx."""
    if len(request.body) > MAX_BYTES:
        return HttpResponse("The event is too large.", status=413, content_type="text/plain")
    try:
        event = payments.verified(request.body, request.headers.get("Stripe-Signature", ""))
        services.process(event, request.build_absolute_uri)
    except payments.RefusedError as error:
        log.warning("payment event refused", reason=str(error))
        return HttpResponse(str(error), status=400, content_type="text/plain")
    except ValidationError:  # signed, but of another form
        log.exception("payment event not understood")
        return HttpResponse("The event was not understood.", status=400, content_type="text/plain")
    return HttpResponse(status=204)
