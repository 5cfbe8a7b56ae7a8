"""Add example data, for development, with `seed.seed()` of each app."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management import BaseCommand, CommandError
from django.utils.module_loading import module_has_submodule

from ....environment import environment


class Command(BaseCommand):
    help = __doc__

    def handle(self, **_: Any) -> None:
        if environment.environment == "production":
            raise CommandError("ENVIRONMENT: example data is for development only")
        for app in apps.get_app_configs():
            if module_has_submodule(app.module, "seed"):
                import_module(f"{app.name}.seed").seed()
