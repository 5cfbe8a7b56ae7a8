"""Fill the database with example data, for development. Start with ``python -m`` on this module."""

import os

import django
from django.db import transaction

from ..environment import environment
from .seeds import find, refuse_production

PACKAGE = __package__.partition(".")[0]


def main() -> None:
    """Call every `seed` of the service in one transaction."""
    refuse_production(environment.environment)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{PACKAGE}.settings")
    django.setup()
    with transaction.atomic():
        for seed in find(PACKAGE):
            seed()


if __name__ == "__main__":
    main()
