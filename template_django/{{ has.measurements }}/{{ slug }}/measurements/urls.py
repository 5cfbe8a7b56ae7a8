"""URLs of the measurements, and of their report."""

from django.urls import path

from . import views

app_name = "measurements"
urlpatterns = [
    path("", views.MeasurementList.as_view(), name="list"),
    path("export.csv", views.MeasurementExport.as_view(), name="export"),
    path("report/", views.DayList.as_view(), name="report"),
]
