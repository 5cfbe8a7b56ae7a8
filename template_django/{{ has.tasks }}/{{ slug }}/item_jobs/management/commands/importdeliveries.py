"""Import a CSV file of deliveries, as a job."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandParser

from ...jobs import deliveries, import_deliveries


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the first line is name,quantity")

    def handle(self, *, file: Path, **_: Any) -> None:
        job = import_deliveries.start(deliveries(file.read_text(encoding="utf-8-sig")))
        self.stdout.write(str(job.pk))
