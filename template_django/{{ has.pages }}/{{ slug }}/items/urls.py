"""URLs of the pages for items."""

from django.urls import path

from . import views

app_name = "items"
urlpatterns = [
    path("", views.ItemList.as_view(), name="list"),
    path("add/", views.ItemCreate.as_view(), name="create"),
    path("<int:pk>/", views.ItemDetail.as_view(), name="detail"),
    path("<int:pk>/edit/", views.ItemUpdate.as_view(), name="update"),
    path("<int:pk>/delete/", views.ItemDelete.as_view(), name="delete"),
]
