"""The report: a materialised view on PostgreSQL, and a view elsewhere."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# squawk-ignore-file require-concurrent-index-creation: nobody uses the view yet

# `change` and `week_mean` use calendar days, even if a station has no rows on some of them.
REPORT = """
WITH day AS (
    SELECT station_id, {date} AS date, count(*) AS count,
        min(value) AS lowest, max(value) AS highest, avg(value) AS mean
    FROM measurements_measurement
    GROUP BY 1, 2
)
SELECT station_id, date, count, lowest, highest, mean,
    avg(mean) OVER (PARTITION BY station_id ORDER BY {order} RANGE BETWEEN {day} * 6 PRECEDING AND CURRENT ROW)
        AS week_mean,
    mean - max(mean) OVER (
        PARTITION BY station_id ORDER BY {order} RANGE BETWEEN {day} PRECEDING AND {day} PRECEDING
    ) AS change,
    rank() OVER (PARTITION BY date ORDER BY mean DESC) AS rank
FROM day
"""
POSTGRESQL = {
    "date": "(taken_at AT TIME ZONE 'UTC')::date",
    "order": "date",
    "day": "INTERVAL '1 day'",
}
SQLITE = {"date": "date(taken_at)", "order": "julianday(date)", "day": "1.0"}


def create(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(
            f"CREATE MATERIALIZED VIEW measurements_day AS {REPORT.format(**POSTGRESQL)}"
        )
        # REFRESH … CONCURRENTLY needs it, and the page sorts by it.
        editor.execute(
            "CREATE UNIQUE INDEX measurements_day_pk ON measurements_day (station_id, date)"
        )
        editor.execute(
            "CREATE INDEX measurements_day_newest ON measurements_day (date DESC, rank, station_id)"
        )
    else:
        editor.execute(f"CREATE VIEW measurements_day AS {REPORT.format(**SQLITE)}")


def drop(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    kind = "MATERIALIZED VIEW" if editor.connection.vendor == "postgresql" else "VIEW"
    editor.execute(f"DROP {kind} measurements_day")


class Migration(migrations.Migration):
    dependencies = [("measurements", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
