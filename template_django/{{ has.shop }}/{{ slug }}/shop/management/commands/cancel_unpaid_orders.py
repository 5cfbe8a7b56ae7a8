"""Cancel old orders that are not paid, and return their products to the stock."""

from datetime import timedelta
from typing import Any

from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from ...services import cancel_unpaid


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", type=int, default=24, help="how old (default: 24)")

    def handle(self, *, hours: int, **_: Any) -> None:
        self.stdout.write(f"Orders cancelled: {cancel_unpaid(timedelta(hours=hours))}.")
