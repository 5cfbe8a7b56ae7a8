"""Import a CSV file of measurements, and refresh the report."""

import csv
import io
import sys
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from ...files import BATCH, COLUMNS, InvalidFileError, load
from ...models import Day


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        first = f"its first line is {','.join(COLUMNS)}"
        parser.add_argument("file", type=Path, help=f"- for standard input; {first}")

    def handle(self, file: Path, **_: Any) -> None:
        piped = str(file) == "-"
        try:
            with nullcontext(sys.stdin.buffer) if piped else file.open("rb") as content:
                saved = load(io.TextIOWrapper(content, encoding="utf-8-sig", newline=""))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except (InvalidFileError, UnicodeDecodeError, csv.Error) as error:
            raise CommandError(
                f"{error} The rows before it are saved, in parts of {BATCH}. Correct the file, and"
                " import it again: no row is saved twice."
            ) from None
        Day.objects.refresh()
        self.stdout.write(f"{saved} rows imported")
