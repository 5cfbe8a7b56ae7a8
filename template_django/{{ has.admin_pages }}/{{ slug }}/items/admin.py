"""Admin pages for items."""

from django.contrib import admin

from .models import Item


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin[Item]):
    list_display = ("name", "quantity", "updated_at")
    list_filter = ("updated_at",)
    search_fields = ("name", "description")
    readonly_fields = ("created_at", "updated_at")
