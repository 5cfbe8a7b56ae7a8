"""Stations in the admin. There are too many measurements for its lists, which count all rows."""

from django.contrib import admin

from .models import Station


@admin.register(Station)
class StationAdmin(admin.ModelAdmin[Station]):
    list_display = ("code", "name")
    search_fields = ("code", "name")
