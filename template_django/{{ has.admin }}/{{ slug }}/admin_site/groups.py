"""Groups of staff with the permissions in ADMIN_GROUPS."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_permission_codename
from django.contrib.auth.management import create_permissions
from django.core.checks import CheckMessage, Error, register
from django.db.models import Q


def known_permissions() -> Iterator[str]:
    """Return the permissions that `migrate` creates."""
    for options in (model._meta for model in apps.get_models()):
        default = [get_permission_codename(each, options) for each in options.default_permissions]
        for codename in (*default, *(codename for codename, _ in options.permissions)):
            yield f"{options.app_label}.{codename}"


@register()
def check_permissions(**_: object) -> list[CheckMessage]:
    """Report the permissions in ADMIN_GROUPS that no model has."""
    wanted = {each for permissions in settings.ADMIN_GROUPS.values() for each in permissions}
    return [
        Error(f"ADMIN_GROUPS: no model has the permission {each}.", id="admin_site.E001")
        for each in sorted(wanted.difference(known_permissions()))
    ]


def create_groups(sender: AppConfig, using: str, **state: Any) -> None:
    """Give each group exactly its permissions, after the last app's migrations."""
    if sender is not [app for app in apps.get_app_configs() if app.models_module][-1]:
        return
    try:
        group_model = state["apps"].get_model("auth", "Group")
        permission_model = state["apps"].get_model("auth", "Permission")
    except LookupError:
        return  # the tables do not exist yet, or no longer
    # Django creates those of the last app after this function has run.
    create_permissions(sender, verbosity=0, using=using, apps=state["apps"])
    for name, permissions in settings.ADMIN_GROUPS.items():
        wanted = [
            Q(content_type__app_label=app, codename=codename)
            for app, codename in (each.split(".") for each in permissions)
        ]
        group, _ = group_model.objects.using(using).get_or_create(name=name)
        found = permission_model.objects.using(using).filter(reduce(or_, wanted, Q(pk__in=())))
        group.permissions.set(found)
