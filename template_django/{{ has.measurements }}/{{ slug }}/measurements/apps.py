"""Measurements of stations, by the million: docs/measurements.md."""

from django.apps import AppConfig


class MeasurementsConfig(AppConfig):
    name = __name__.rpartition(".")[0]
