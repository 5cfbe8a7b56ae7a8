"""URLs below /account/: https://docs.djangoproject.com/en/6.1/topics/auth/default/#all-authentication-views."""

from django.urls import include, path

from .views import AccountView

urlpatterns = [
    path("", AccountView.as_view(), name="account"),
    path("", include("django.contrib.auth.urls")),
]
