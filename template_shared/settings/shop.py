# Shop: docs/shop.md

SHOP_CURRENCY = "EUR"  # one with two decimal places
SHOP_STAND_IN = not IN_PRODUCTION  # a page that stands in for the payment provider's
PAYMENT_WEBHOOK_SECRETS = environment.payment_webhook_secret
ADMIN_GROUPS["editor"] += [
    "shop.add_product",
    "shop.change_product",
    "shop.delete_product",
    "shop.view_product",
]
ADMIN_GROUPS["support"] += [
    "shop.cancel_order",
    "shop.erase_order",
    "shop.review_paymentevent",
    "shop.view_order",
    "shop.view_orderline",
    "shop.view_paymentevent",
    "shop.view_product",
]
