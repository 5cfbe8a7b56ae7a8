"""URLs of the figures."""

from django.urls import path

from . import views

app_name = "item_stock"
urlpatterns = [path("", views.show_stock, name="show")]
