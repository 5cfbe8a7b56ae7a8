"""Recompute the report; readers see the previous one until it is complete."""

from typing import Any

from django.core.management import BaseCommand

from ...models import Day


class Command(BaseCommand):
    help = __doc__

    def handle(self, **_: Any) -> None:
        Day.objects.refresh()
