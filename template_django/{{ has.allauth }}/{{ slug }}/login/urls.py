"""URLs below /account/: https://docs.allauth.org/en/latest/account/views.html."""

from allauth.account.views import email, email_verification_sent, login, password_reset
from django.urls import include, path

from .sending import SignUpView, sending
from .views import AccountView

urlpatterns = [
    path("", AccountView.as_view(), name="account"),
    path(
        "confirm-email/", sending(email_verification_sent), name="account_email_verification_sent"
    ),
    path("email/", sending(email), name="account_email"),
    path("login/", sending(login), name="account_login"),
    path("password/reset/", sending(password_reset), name="account_reset_password"),
    path("signup/", sending(SignUpView.as_view()), name="account_signup"),
    path("", include("allauth.urls")),
]
