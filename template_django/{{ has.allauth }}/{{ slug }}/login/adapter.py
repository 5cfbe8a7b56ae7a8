"""The adapter of allauth: https://docs.allauth.org/en/latest/account/advanced.html."""

from ipaddress import ip_address
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.sites.requests import RequestSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ..core.about import NAME

log = structlog.get_logger(__name__)


class LoginAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Close sign-up by a setting, name the service in emails, and tell IPv4 clients apart.

    A change to an account needs no mail server: its notification is dropped if it cannot be sent.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_OPEN)

    def clean_email(self, email: str) -> str:
        """Refuse letters such as ı, which Django takes for an ASCII i but cannot send an email to."""
        if not email.rpartition("@")[0].isascii():
            raise ValidationError("Enter a valid email address.", code="invalid")
        return email

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return an IPv4 address in its usual form, even if the server listens on ::.

        Written as IPv6, all IPv4 addresses would be in one network, which counts as one client.
        """
        address = ip_address(super().get_client_ip(request))
        return str(getattr(address, "ipv4_mapped", None) or address)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        site = RequestSite(self.request)
        site.name = NAME
        super().send_mail(template_prefix, email, {"current_site": site, **context})

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError as error:  # its message can contain the address
            log.error("notification not sent", error=type(error).__name__)
