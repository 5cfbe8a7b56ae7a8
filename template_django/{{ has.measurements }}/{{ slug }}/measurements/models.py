"""Stations, their measurements, and a report that the database computes."""

from datetime import datetime
from typing import Self

from django.db import connection, models
from django.db.models import Q

# How fields that a query did not select are fetched: for all its rows at once. Tests forbid it.
FETCH_MODE = models.FETCH_PEERS


class Station(models.Model):
    """A place where something is measured."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class MeasurementQuerySet(models.QuerySet["Measurement"]):
    def of(self, station: Station | None, since: datetime | None, until: datetime | None) -> Self:
        """Select measurements of a station, from `since` and before `until`."""
        conditions = {"station": station, "taken_at__gte": since, "taken_at__lt": until}
        given = {name: value for name, value in conditions.items() if value is not None}
        return self.filter(**given)

    def before(self, taken_at: datetime, pk: int) -> Self:
        """Select the rows after this one in a list, which the index finds directly."""
        older = Q(taken_at__lt=taken_at) | Q(taken_at=taken_at, pk__lt=pk)
        return self.filter(older, taken_at__lte=taken_at)


class MeasurementManager(models.Manager.from_queryset(MeasurementQuerySet)):  # type: ignore[misc]
    def get_queryset(self) -> MeasurementQuerySet:
        queryset: MeasurementQuerySet = super().get_queryset()
        return queryset.fetch_mode(FETCH_MODE)


class Measurement(models.Model):
    """A temperature, in °C."""

    # The unique constraint below is also an index of this key.
    station = models.ForeignKey(Station, models.PROTECT, db_index=False)
    taken_at = models.DateTimeField()
    value = models.FloatField()

    objects = MeasurementManager()

    class Meta:
        ordering = ("-taken_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("station", "taken_at"), name="measurement_once"),
        )
        indexes = (models.Index(fields=("-taken_at", "-id"), name="measurement_newest"),)

    def __str__(self) -> str:
        return f"{self.taken_at:%Y-%m-%d %H:%M}: {self.value}"


class DayQuerySet(models.QuerySet["Day"]):
    def refresh(self) -> None:
        """Recompute the report. Readers see the previous one until it is complete."""
        if connection.vendor == "postgresql":  # elsewhere, each query computes it
            with connection.cursor() as cursor:
                cursor.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY measurements_day")


class Day(models.Model):
    """A station's day in the report, from the view of migration 0002."""

    pk = models.CompositePrimaryKey("station_id", "date")
    station = models.ForeignKey(Station, models.DO_NOTHING)
    date = models.DateField()
    count = models.IntegerField()
    lowest = models.FloatField()
    highest = models.FloatField()
    mean = models.FloatField()
    week_mean = models.FloatField()  # of the days of the last week
    change = models.FloatField(null=True)  # of the mean, since the day before
    rank = models.IntegerField()  # of the mean among the stations, that day

    objects = DayQuerySet.as_manager()

    class Meta:
        managed = False
        ordering = ("-date", "rank", "station_id")

    def __str__(self) -> str:
        return f"{self.date}: {self.mean:.1f}"
