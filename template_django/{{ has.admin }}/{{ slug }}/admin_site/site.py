"""The admin for staff with a second factor: docs/admin.md.

https://docs.djangoproject.com/en/6.1/ref/contrib/admin/#overriding-the-default-admin-site
"""

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from time import time
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve, reverse

type View = Callable[..., HttpResponseBase]

log = structlog.get_logger(__name__)


class AdminSite(admin.AdminSite):
    """Django's admin, limited to certain networks, with a second factor and logged changes."""

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Redirect to the site's login page, which limits attempts and asks for second factors."""
        refuse_other_networks(request)
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))

    def admin_view(self, view: View, cacheable: bool = False) -> Any:
        """Require an allowed network, then Django's permission, then the second factor."""
        view = reauthentication_required(logged(view), enabled=changes_accounts)
        inner = super().admin_view(second_factor_required(view), cacheable)

        @wraps(view)
        def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refuse_other_networks(request)
            limit_idle_time(request)
            return inner(request, *args, **kwargs)

        return protected


def refuse_other_networks(request: HttpRequest) -> None:
    """Hide the admin from clients outside ADMIN_NETWORKS."""
    if networks := settings.ADMIN_NETWORKS:
        # The same address as for the limits of logins: ALLAUTH_TRUSTED_PROXY_COUNT.
        client = ip_address(get_adapter(request).get_client_ip(request))
        if not any(client in network for network in networks):
            raise Http404


def limit_idle_time(request: HttpRequest) -> None:
    """End a staff session after some time without a request to the admin."""
    minutes = getattr(settings, "ADMIN_IDLE_MINUTES", 0)  # older projects do not have it
    if minutes and settings.ADMIN_SECOND_FACTOR and request.user.is_staff:
        request.session.set_expiry(minutes * 60)


def second_factor_required(view: View) -> View:
    """Require that this session has been authenticated with a second factor, recently."""

    @wraps(view)
    def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.ADMIN_SECOND_FACTOR:
            return view(request, *args, **kwargs)
        if not is_mfa_enabled(request.user):
            messages.warning(request, "The admin requires a passkey or an authenticator app.")
            return redirect("mfa_index")
        records = get_authentication_records(request, request.user)
        times = [record["at"] for record in records if record["method"] == "mfa"]
        if times and time() - max(times) < settings.ADMIN_SESSION_HOURS * 3600:
            return view(request, *args, **kwargs)
        methods = get_adapter(request).get_reauthentication_methods(request.user)
        url = next(method["url"] for method in methods if method["id"].startswith("mfa"))
        return redirect_to_login(request.get_full_path(), url)

    return protected


def page_of(request: HttpRequest) -> str:
    """Return the name of a page. A form that allauth replays has another page's `resolver_match`."""
    return resolve(request.path_info).url_name or ""


def changes_accounts(request: HttpRequest) -> bool:
    """Return whether a page changes users, their permissions, factors or groups."""
    if not settings.ADMIN_SECOND_FACTOR:
        return False
    name = page_of(request)
    user = get_user_model()._meta
    kinds = (f"{user.app_label}_{user.model_name}_", "auth_", "account_", "mfa_")
    reads = request.method in ("GET", "HEAD") and name.endswith(("_changelist", "_history"))
    return name.startswith(kinds) and not reads


def logged(view: View) -> View:
    """Log each form that staff send: the user, the page, the object and the response."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user.pk  # the page may end the session
        response = view(request, *args, **kwargs)
        if request.method == "POST":
            log.info(
                "admin change",
                user=user,
                page=page_of(request),
                object=kwargs.get("object_id", kwargs.get("id")),
                action=request.POST.get("action"),
                status=response.status_code,
            )
        return response

    return wrapped
