"""The audit trail: a page with all changes in the admin, and logins in the log."""

from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

log = structlog.get_logger(__name__)


@admin.register(LogEntry)
class LogEntryAdmin(admin.ModelAdmin[LogEntry]):
    """A list of all changes, with the user and the time. Nobody can change it."""

    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag", "content_type")
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "user__email")
    date_hierarchy = "action_time"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@receiver(user_logged_in)
def log_login(request: HttpRequest, user: Any, **_: object) -> None:
    """Log that staff have logged in."""
    if user.is_staff:
        log.info("staff login", user=user.pk)


@receiver(user_login_failed)
def log_failed_login(request: HttpRequest | None = None, **_: object) -> None:
    """Log a wrong password, with the client instead of the address that was given."""
    if request:
        log.warning("login failed", client=get_adapter(request).get_client_ip(request))
