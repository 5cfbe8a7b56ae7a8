"""URLs of the shop's pages, and of the payment provider's events."""

from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("", views.ProductList.as_view(), name="list"),
    path("basket/", views.show_basket, name="basket"),
    path("basket/<slug:slug>/", views.change_basket, name="change-basket"),
    path("checkout/", views.Checkout.as_view(), name="checkout"),
    path("orders/<uuid:reference>/", views.OrderDetail.as_view(), name="order"),
    path("products/<slug:slug>/", views.ProductDetail.as_view(), name="detail"),
    path("stand-in/<uuid:reference>/", views.StandIn.as_view(), name="stand_in"),
    path("webhook/", views.receive_event, name="webhook"),
]
