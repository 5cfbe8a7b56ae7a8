"""URLs below /account/: https://docs.allauth.org/en/latest/account/views.html."""

from allauth.account.views import password_reset, signup
from django.urls import include, path

from .sending import once, sending
from .views import AccountView

urlpatterns = [
    path("", AccountView.as_view(), name="account"),
    path("password/reset/", sending(password_reset), name="account_reset_password"),
    path("signup/", once(sending(signup)), name="account_signup"),
    path("", include("allauth.urls")),
]
