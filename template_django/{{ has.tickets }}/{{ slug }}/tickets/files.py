"""Tickets as CSV files, which spreadsheets read and write."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile

from .models import Ticket

FIELDS = ("reference", "title", "description", "status")
# Spreadsheets run a cell that begins with one of these. The last four are full-width forms.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tabs and line ends
MAX_BYTES = 1024 * 1024
MAX_ROWS = 1000  # are saved long before the proxy's timeout


class TicketForm(forms.ModelForm[Ticket]):
    class Meta:
        model = Ticket
        fields: ClassVar = FIELDS

    def clean(self) -> dict[str, Any]:
        """Only a description may have several lines."""
        for field in ("reference", "title"):
            if re.search(r"[\t\r\n]", self.cleaned_data.get(field, "")):
                self.add_error(field, "Enter one line, without tabs.")
        return self.cleaned_data

    def validate_unique(self) -> None:
        """Leave this to `forms_of`, which finds all known references with one query."""


def export(tickets: Iterable[Ticket]) -> str:
    """Return tickets as CSV, in which no cell is a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(FIELDS)
    for ticket in tickets:
        cells = (str(getattr(ticket, field)) for field in FIELDS)
        writer.writerow(f"'{cell}" if needs_quote(cell) else cell for cell in cells)
    return file.getvalue()


def needs_quote(cell: str) -> bool:
    """Return whether a cell looks like a formula, or like one with quotes."""
    return cell.lstrip("'").startswith(FORMULAS)


def unquoted(cell: str) -> str:
    """Undo what `export` does to a cell that needs the quote."""
    return cell[1:] if cell.startswith("'") and needs_quote(cell) else cell


class ImportForm(forms.Form):
    """A CSV file, of which all rows are valid."""

    file = forms.FileField(
        label="CSV file",
        help_text=f"The first line: {','.join(FIELDS)}. At most {MAX_ROWS} tickets, and 1 MiB.",
    )
    tickets: list[TicketForm]

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError("The file has more than 1 MiB.")
        try:
            text = file.read().decode("utf-8-sig")
            # Spreadsheets write semicolons where the comma is the decimal separator.
            separator = ";" if ";" in text.partition("\n")[0] else ","
            lines = io.StringIO(text, newline="")
            reader = csv.DictReader(lines, delimiter=separator, strict=True)
            rows = [(reader.line_num, row) for row in reader]
        except (UnicodeDecodeError, csv.Error):
            raise forms.ValidationError("This is not a CSV file in UTF-8.") from None
        if CONTROL.search(text):
            raise forms.ValidationError("This is not a CSV file of text.")
        if len(rows) > MAX_ROWS:
            raise forms.ValidationError(f"The file has more than {MAX_ROWS} tickets.")
        if not rows:
            raise forms.ValidationError("The file has no tickets.")
        if any({*row} != {*FIELDS} or None in row.values() for _, row in rows):
            raise forms.ValidationError(f"Each row must have the columns {', '.join(FIELDS)}.")
        self.tickets = self.forms_of(rows)
        return file

    def forms_of(self, rows: list[tuple[int, dict[str, str]]]) -> list[TicketForm]:
        """Return a valid form for each row, which comes with its line, or raise the errors."""
        for _, row in rows:
            row.update({name: unquoted(cell).strip() for name, cell in row.items()})
        references = [row["reference"] for _, row in rows]
        existing = Ticket.objects.in_bulk(references, field_name="reference")
        found, errors = [], []
        for line, row in rows:
            found.append(TicketForm(row, instance=existing.get(row["reference"])))
            for field, messages in found[-1].errors.items():
                errors += [f"Line {line}, {field}: {message}" for message in messages]
        if len({*references}) < len(rows):
            errors.append("Two rows have the same reference.")
        if errors:
            raise forms.ValidationError(errors[:20])
        return found
