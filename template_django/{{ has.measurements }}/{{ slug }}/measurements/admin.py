"""Stations in the admin. Measurements are too many for its lists, which count them."""

from django.contrib import admin

from .models import Station


@admin.register(Station)
class StationAdmin(admin.ModelAdmin[Station]):
    list_display = ("code", "name")
    search_fields = ("code", "name")
