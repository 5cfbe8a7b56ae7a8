"""Django's admin app, with the site in site.py."""

from importlib import import_module

from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate

PACKAGE = __name__.rpartition(".")[0]


class AdminSiteConfig(AdminConfig):
    default_site = f"{PACKAGE}.site.AdminSite"

    def ready(self) -> None:
        super().ready()
        for name in ("account_admin", "audit"):  # need the models of all apps
            import_module(f"{PACKAGE}.{name}")
        post_migrate.connect(import_module(f"{PACKAGE}.groups").create_groups)
