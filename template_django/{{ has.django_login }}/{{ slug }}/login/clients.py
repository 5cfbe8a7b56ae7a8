"""The clients and accounts of failed logins, for django-axes."""

from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest


def address(request: HttpRequest) -> str | None:
    """Return the client's address: in production, the proxy adds it to X-Forwarded-For.

    Some proxies add the client's port as well. Clients without an address count as one.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.IN_PRODUCTION else ""
    client = forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
    if client.startswith("["):
        client = client[1:].partition("]")[0]
    elif client.count(":") == 1:
        client = client.partition(":")[0]
    try:
        return str(ip_address(client))
    except ValueError:
        return None


def account(request: HttpRequest, credentials: dict[str, str] | None) -> str:
    """Return the email address in the form that the database has."""
    given = (credentials or request.POST).get("username", "")
    return get_user_model().objects.normalize_email(given)
