"""Example measurements for development: `manage.py seed` calls `seed`."""

from datetime import timedelta
from math import sin

from django.utils import timezone

from .models import Day, Measurement, Station

EXAMPLES = {"harbour": "Harbour", "hill": "Hill"}
HOURS = 24 * 10


def seed() -> None:
    """Add hourly measurements of the last days; existing ones stay as they are."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number, (code, name) in enumerate(EXAMPLES.items()):
        station, _ = Station.objects.get_or_create(code=code, defaults={"name": name})
        Measurement.objects.bulk_create(
            (
                Measurement(
                    station=station,
                    taken_at=now - timedelta(hours=hour),
                    value=round(10 - 3 * number + 4 * sin(hour / 4), 1),
                )
                for hour in range(HOURS)
            ),
            ignore_conflicts=True,
        )
    Day.objects.refresh()
