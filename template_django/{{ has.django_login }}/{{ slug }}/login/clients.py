"""The clients and accounts of failed logins, for django-axes."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest


def address(request: HttpRequest) -> str:
    """Return the client's address: in production, the proxy adds it to X-Forwarded-For."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.IN_PRODUCTION else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def account(request: HttpRequest, credentials: dict[str, str] | None) -> str:
    """Return the email address in the form that the database has."""
    given = (credentials or request.POST).get("username", "")
    return get_user_model().objects.normalize_email(given)
