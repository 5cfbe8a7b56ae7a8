"""A catalogue, a basket, and orders that a payment provider confirms: docs/shop.md."""

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# Currencies whose smallest unit is not a hundredth, at the provider or in fact.
NO_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF BHD IQD JOD KWD LYD OMR TND"


class ShopConfig(AppConfig):
    name = __name__.rpartition(".")[0]


@register()
def check_currency(**_: object) -> list[CheckMessage]:
    """Refuse currencies in which `Order.amount` would be wrong."""
    currency = settings.SHOP_CURRENCY
    if len(currency) == 3 and currency.isupper() and currency not in NO_CENTS.split():
        return []
    hint = "Use capital letters. Without two decimal places, change Order.amount first."
    return [Error(f"SHOP_CURRENCY: {currency} is not supported.", hint=hint, id="shop.E001")]
