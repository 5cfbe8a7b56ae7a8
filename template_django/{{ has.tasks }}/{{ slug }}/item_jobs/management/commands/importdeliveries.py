"""Import a CSV file of deliveries, as a job."""

import csv
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from ...jobs import deliveries, import_deliveries


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the first line is name,quantity")

    def handle(self, *, file: Path, **_: Any) -> None:
        try:
            job = import_deliveries.start(deliveries(file.read_text(encoding="utf-8-sig")))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{file}: This is not a CSV file in UTF-8.") from error
        except ValueError as error:
            raise CommandError(f"{file}: {error}") from error
        self.stdout.write(str(job.pk))
