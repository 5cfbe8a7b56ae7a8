"""The tool of the staff: admin pages for tickets, and numbers on the admin's index."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from ..core.database import constraints
from ..core.problems import ServiceError
from .files import FIELDS, ImportForm, export
from .models import Status, Ticket

admin.site.index_template = "tickets/index.html"


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin[Ticket]):
    list_display = ("reference", "title", "status", "created_at", "updated_at")
    list_filter = ("status", "created_at", "updated_at")
    search_fields = ("reference", "title", "description")
    date_hierarchy = "created_at"
    readonly_fields = ("created_at", "updated_at")
    actions = ("finish", "reopen", "download")
    change_list_template = "tickets/change_list.html"

    @admin.action(description="Mark selected tickets as done", permissions=["change"])
    def finish(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self.set_status(request, queryset, Status.DONE)

    @admin.action(description="Reopen selected tickets", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self.set_status(request, queryset, Status.OPEN)

    @transaction.atomic
    def set_status(self, request: HttpRequest, queryset: QuerySet[Ticket], status: Status) -> None:
        """Set the status of any number of tickets with one query, and record who changed them."""
        tickets = list(queryset.exclude(status=status))
        chosen = Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets])
        chosen.update(status=status, updated_at=timezone.now())
        LogEntry.objects.log_actions(str(request.user.pk), tickets, CHANGE, f"Set to {status}.")
        messages.success(request, f"Tickets set to {status}: {len(tickets)}.")

    @admin.action(description="Export selected tickets", permissions=["view"])
    def download(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse:
        headers = {"Content-Disposition": 'attachment; filename="tickets.csv"'}
        return HttpResponse(export(queryset), content_type="text/csv", headers=headers)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="tickets_ticket_import"), *super().get_urls()]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, context | (extra_context or {}))

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Add and change the tickets of a CSV file: all of them, or none."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            try:
                with constraints(duplicate="Tickets have changed. Import the file again."):
                    number = self.save_all(request, form)
                messages.success(request, f"Tickets added or changed: {number}.")
                return redirect("admin:tickets_ticket_changelist")
            except ServiceError as error:
                form.add_error("file", str(error))
        context = {**self.admin_site.each_context(request), "form": form, "title": "Import tickets"}
        return TemplateResponse(request, "tickets/import.html", context)

    def save_all(self, request: HttpRequest, form: ImportForm) -> int:
        tickets = [each.save(commit=False) for each in form.tickets if each.has_changed()]
        known = [each for each in tickets if each.pk]
        new = Ticket.objects.bulk_create(each for each in tickets if not each.pk)
        for ticket in known:
            ticket.updated_at = timezone.now()
        Ticket.objects.bulk_update(known, [*FIELDS, "updated_at"])
        LogEntry.objects.log_actions(str(request.user.pk), new, ADDITION, "Imported.")
        LogEntry.objects.log_actions(str(request.user.pk), known, CHANGE, "Imported.")
        return len(tickets)
