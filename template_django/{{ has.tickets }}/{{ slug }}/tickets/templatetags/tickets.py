"""The template tag `dashboard`, for the admin's index."""

from typing import Any

from django import template
from django.contrib.admin.models import LogEntry
from django.db.models import Count, Q
from django.template.context import Context

from ..models import Status, Ticket

register = template.Library()


@register.inclusion_tag("tickets/dashboard.html", takes_context=True)
def dashboard(context: Context) -> dict[str, Any]:
    """Show staff who may view tickets how many there are, and what has changed."""
    if not context["request"].user.has_perm("tickets.view_ticket"):
        return {}
    changes = LogEntry.objects.filter(
        content_type__app_label="tickets", content_type__model="ticket"
    )
    return {
        "numbers": Ticket.objects.aggregate(
            open=Count("pk", filter=Q(status=Status.OPEN)),
            done=Count("pk", filter=Q(status=Status.DONE)),
        ),
        "changes": changes.select_related("user", "content_type")[:10],
    }
