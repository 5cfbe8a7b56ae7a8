"""The jobs: an import of deliveries, and a report."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import batched
from typing import Any

from django.db.models import Max
from django.utils import timezone

from ..background.jobs import job
from ..items.models import Item

ROWS = 100  # of a file in each part
ITEMS = 500  # of a report in each part
HIGHEST = 1_000_000  # quantity of a row
FULL = 2**31 - 1  # the column's limit
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins with one can run as a formula


@job("Import of deliveries")
def import_deliveries(rows: list[tuple[int, str, str]]) -> str:
    """Add delivered quantities to items, which may be new; return the refused lines as CSV."""
    refused, accepted = [], []
    for line, name, quantity in rows:
        if problem := problem_of(name, quantity):
            refused.append((line, problem))
        else:
            accepted.append((line, name, int(quantity)))
    # Few queries for many rows, which are locked in order, so that two imports cannot deadlock.
    names = sorted({name for _, name, _ in accepted})
    Item.objects.bulk_create((Item(name=name) for name in names), ignore_conflicts=True)
    locked = Item.objects.select_for_update(no_key=True).filter(name__in=names).order_by("pk")
    items = {item.name: item for item in locked}
    for line, name, delivered in accepted:
        if items[name].quantity + delivered > FULL:
            refused.append((line, "The quantity in stock would be too high."))
        else:
            items[name].quantity += delivered
            items[name].updated_at = timezone.now()
    Item.objects.bulk_update(items.values(), ["quantity", "updated_at"])
    return as_csv(sorted(refused))


def problem_of(name: str, quantity: str) -> str:
    """Return what is wrong with a row, or nothing."""
    if not name or len(name) > 100 or not name.isprintable():
        return "The name must have 1 to 100 characters."
    if not (re.fullmatch("[0-9]{1,7}", quantity) and int(quantity) <= HIGHEST):
        return f"The quantity must be a number of up to {HIGHEST}."
    return ""


def deliveries(text: str) -> Iterator[Any]:
    """Return the parts of an import of CSV, whose first line is `name,quantity`."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if not {"name", "quantity"} <= {*(reader.fieldnames or ())}:
        raise ValueError("The first line must be: name,quantity")
    rows = ((reader.line_num, row["name"] or "", row["quantity"] or "") for row in reader)
    return batched(((line, name.strip(), n.strip()) for line, name, n in rows), ROWS, strict=False)


@job("Stock report")
def report_stock(first: int) -> str:
    """Return a part of the report: items, by id."""
    items = Item.objects.filter(pk__range=(first, first + ITEMS - 1))
    return as_csv(items.values_list("id", "name", "quantity"))


def stock() -> Iterator[int]:
    """Return the parts of a report of all items."""
    last = Item.objects.aggregate(last=Max("id"))["last"] or 0
    return iter(range(1, last + 1, ITEMS))


HEADINGS = {"Import of deliveries": "line,problem\r\n", "Stock report": "id,name,quantity\r\n"}


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, in which no cell is a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        cells = map(str, row)
        writer.writerow(f"'{cell}" if cell.startswith(FORMULAS) else cell for cell in cells)
    return file.getvalue()
