"""URLs below /account/: https://docs.allauth.org/en/latest/account/views.html."""

from django.urls import include, path

from .views import AccountView

urlpatterns = [
    path("", AccountView.as_view(), name="account"),
    path("", include("allauth.urls")),
]
