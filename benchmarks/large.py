"""Measures the example of large data, Django's `example: measurements`, with more and more rows.

A project is rendered from the working tree, and its table grows through its own import. At each size are measured:

import      rows that the import saves in a second, and the most memory that it takes
first       the first page of the list
middle      the page that begins in the middle of the table
station     the first page of one station, of a hundred
week        the first page of seven days in the middle
absent      the page of days that have no row
export      rows that the export sends in a second, and the most memory that it takes
refresh     computing the report
report      the report's first page

Pages are requested in one process, without a server: the times include the database, and are medians of 20 requests,
with the least and the greatest. Memory is the process's greatest resident set. PostgreSQL has its default settings.

It takes about two minutes with a million rows. PostgreSQL is the machine's, or comes with `uv sync`.
"""

import argparse
import csv
import datetime
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # in place of this directory, which Python puts there for a script

from benchmarks import FailedError, options, say  # noqa: E402
from benchmarks.database import Database  # noqa: E402
from benchmarks.run import processor  # noqa: E402
from tests import postgres  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000)
STATIONS = 100
STEP = datetime.timedelta(minutes=10)
FIRST = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
IN_PROJECT = ROOT / "benchmarks" / "large_in_project.py"
COLUMNS = {
    "import_rows": ("import, rows/s", 0),
    "import_memory": ("memory, MiB", 0),
    "first": ("first page, ms", 1),
    "middle": ("from the middle", 1),
    "station": ("a station", 1),
    "week": ("seven days", 1),
    "absent": ("no such days", 1),
    "export_rows": ("export, rows/s", 0),
    "export_memory": ("memory, MiB", 0),
    "refresh": ("refresh, s", 2),
    "report": ("report, ms", 1),
}


def main() -> int:
    """Measures, and prints the results as Markdown; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, action="append", metavar="NUMBER", help="a size of the table; may be repeated"
    )
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.rows or SIZES))
    if sizes[0] < STATIONS:
        parser.error(f"--rows must be {STATIONS} or more")
    try:
        results = dict(measure(sizes))
    except FailedError as error:
        print(f"benchmarks/large.py: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(results)))
    return 0


def measure(sizes: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The figures for each size."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    row = options.nearest("django", "example", "measurements")
    with tempfile.TemporaryDirectory(prefix="groundplan-benchmark-") as name, postgres.start() as server:
        scratch = Path(name)
        os.environ["GROUNDPLAN_SHARED"] = str(scratch / "shared")
        project = options.render(row, scratch / "service")
        with options.prepared(project, row, server, core=0) as candidate:
            database = Database(server, candidate.variables["DATABASE_URL"], "measurements_measurement")
            database.query(
                "INSERT INTO measurements_station (code, name)"  # noqa: S608 - numbers
                f" SELECT 's' || n, 'Station ' || n FROM generate_series(0, {STATIONS - 1}) AS n"
            )
            rows, there, file = measurements(), 0, scratch / "measurements.csv"
            for size in sizes:
                say(f"{size:,} rows")
                write(file, islice(rows, size - there))
                variables = candidate.variables | {"PYTHONPATH": str(candidate.subject.path)}
                variables["DJANGO_SETTINGS_MODULE"] = f"{candidate.subject.package}.settings"

                def run(*arguments: str, given: dict[str, str] = variables) -> dict[str, Any]:
                    printed = candidate.subject.python(str(IN_PROJECT), *arguments, **given)
                    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
                    return found

                imported = run("import", str(file))
                database.query(f"VACUUM ANALYZE {database.table}")
                middle = FIRST + STEP * (size // STATIONS // 2)
                refreshed = run("refresh")
                exported = run("export")
                if exported["rows"] != size:
                    raise FailedError(f"The export has {exported['rows']} of {size} rows.")
                yield (
                    size,
                    {
                        "import_rows": (size - there) / imported["seconds"],
                        "import_memory": imported["memory"],
                        **run("pages", middle.isoformat()),
                        "export_rows": size / exported["seconds"],
                        "export_memory": exported["memory"],
                        "refresh": refreshed["seconds"],
                    },
                )
                there = size


def measurements() -> Iterator[tuple[str, str, float]]:
    """The rows of the import, without an end: all stations at one time, then at the next."""
    number = 0
    while True:
        moment, station = divmod(number, STATIONS)
        taken_at = FIRST + STEP * moment
        yield f"s{station}", taken_at.isoformat(), round(10 + station / 10 + 5 * math.sin(moment / 144), 2)
        number += 1


def write(file: Path, rows: Iterable[tuple[str, str, float]]) -> None:
    """Writes a file for the import."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("station", "taken_at", "value"))
        writer.writerows(rows)


def table(results: dict[int, dict[str, Any]]) -> Iterator[str]:
    """The results as Markdown."""
    yield f"| rows | {' | '.join(heading for heading, _ in COLUMNS.values())} |"
    yield f"|{'---|' * (len(COLUMNS) + 1)}"
    for size, figures in results.items():
        cells = [options.cell(summary(figures[name]), "", digits) for name, (_, digits) in COLUMNS.items()]
        yield f"| {' | '.join([f'{size:,}', *cells])} |"
    load = os.getloadavg()[1]
    yield ""
    yield (
        f"{processor()}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}; load average {load:.1f} in the last five"
        " minutes, of which about 1 is the benchmark's own."
    )


def summary(figure: float | list[float]) -> dict[str, Any]:
    """A figure as `options.cell` takes it."""
    return options.summary(figure if isinstance(figure, list) else [figure])


if __name__ == "__main__":
    sys.exit(main())
