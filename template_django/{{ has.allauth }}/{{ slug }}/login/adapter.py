"""The adapter of allauth: https://docs.allauth.org/en/latest/account/advanced.html."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.sites.requests import RequestSite
from django.http import HttpRequest

from ..core.about import NAME


class LoginAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Let a setting close the sign-up, and emails name the service."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_OPEN)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        site = RequestSite(self.request)
        site.name = NAME
        super().send_mail(template_prefix, email, {"current_site": site, **context})
