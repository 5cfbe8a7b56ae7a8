"""Measurements as CSV files of any size, which are read and written in parts."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import batched, chain

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware

from .models import Measurement, MeasurementQuerySet, Station

COLUMNS = ("station", "taken_at", "value")
BATCH = 5_000  # rows in memory at once


class InvalidFileError(Exception):
    """A file has a line that cannot be imported."""


def export(measurements: MeasurementQuerySet) -> Iterator[str]:
    """Return the parts of a file. The rows come through a cursor, so memory stays flat."""
    rows = measurements.values_list("station__code", "taken_at", "value")
    for part in batched(chain([COLUMNS], rows.iterator(chunk_size=BATCH)), BATCH, strict=False):
        file = io.StringIO(newline="")
        csv.writer(file).writerows(part)
        yield file.getvalue()


def load(lines: Iterable[str]) -> int:
    """Save the rows of a file, and return their number.

    A row replaces the one of the same station and time, so a file can be imported again. An
    invalid row raises InvalidFileError; the parts of the file before it are saved.
    """
    reader = csv.DictReader(lines, strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InvalidFileError(f"The first line must be {','.join(COLUMNS)}.")
    stations = dict(Station.objects.values_list("code", "pk"))
    saved = 0
    for part in batched(enumerate(reader, start=1), BATCH, strict=False):
        rows = [measurement(number, row, stations) for number, row in part]
        # Of several rows with the same time, the last one counts, as it does across parts.
        latest = {(row.station_id, row.taken_at): row for row in rows}
        Measurement.objects.bulk_create(
            latest.values(),
            update_conflicts=True,
            unique_fields=["station", "taken_at"],
            update_fields=["value"],
        )
        saved += len(rows)
    return saved


def measurement(number: int, row: dict[str, str], stations: dict[str, int]) -> Measurement:
    """Return the measurement of a row."""
    try:
        if {*row} != {*COLUMNS} or None in row.values():
            raise ValueError(f"not {len(COLUMNS)} values")
        if row["station"] not in stations:
            raise ValueError(f"there is no station {row['station']!r}")
        taken_at = parse_datetime(row["taken_at"])
        if not taken_at or not is_aware(taken_at):
            raise ValueError(f"{row['taken_at']!r} is not a time such as 2026-01-31T12:00:00Z")
        # Python also reads 1_000 as a number.
        if "_" in row["value"] or not math.isfinite(value := float(row["value"])):
            raise ValueError(f"{row['value']} is not a finite number")
        taken_at = taken_at.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise InvalidFileError(f"Row {number}: {error}.") from None
    return Measurement(station_id=stations[row["station"]], taken_at=taken_at, value=value)
