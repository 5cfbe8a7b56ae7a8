"""Admin pages of django-allauth. They show no secrets, and do not let staff guess them.

Django's admin filters by any field that a URL names. `?session_key__startswith=a` would reveal the
keys of sessions letter by letter to staff who can only view the list.
"""

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import AuthenticatorAdmin
from allauth.mfa.models import Authenticator
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import HttpRequest

for model in (Authenticator, EmailAddress, UserSession):
    admin.site.unregister(model)


@admin.register(UserSession)
class SessionAdmin(UserSessionAdmin):  # type: ignore[misc]
    """Sessions, which staff can end. The package's own page searches them by user name."""

    search_fields = ("user__email", "ip")
    exclude = ("data",)

    def lookup_allowed(self, *_: object) -> bool:
        return False  # staff use the search

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """Log the user out; deleting only the row would leave the session open."""
        if obj.is_current():
            logout(request)
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        for session in queryset:
            self.delete_model(request, session)


@admin.register(Authenticator)
class SecondFactorAdmin(AuthenticatorAdmin):  # type: ignore[misc]
    """Second factors, which users add, and which staff can delete."""

    exclude = ("data",)

    def lookup_allowed(self, lookup: str, *_: object) -> bool:
        return lookup.partition("__")[0] in self.list_filter

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EmailAddress)
class AddressAdmin(EmailAddressAdmin):  # type: ignore[misc]
    """Whether addresses are verified. To change an address, change it on the user's page."""

    readonly_fields = ("user", "email", "primary")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Mark selected email addresses as verified", permissions=["change"])
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        super().make_verified(request, queryset)
