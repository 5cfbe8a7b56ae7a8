"""URLs below /account/: https://docs.allauth.org/en/latest/account/views.html."""

from allauth.account.views import signup
from django.db import transaction
from django.urls import include, path

from .views import AccountView

urlpatterns = [
    path("", AccountView.as_view(), name="account"),
    # If the mail with the code cannot be sent, there is no account, so that people can try again.
    path("signup/", transaction.atomic(signup), name="account_signup"),
    path("", include("allauth.urls")),
]
