"""Groups of staff with the permissions in ADMIN_GROUPS."""

from functools import reduce
from operator import or_
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models import Q


def create_groups(sender: AppConfig, using: str, **state: Any) -> None:
    """Give each group exactly its permissions, after a migration has created those of all apps."""
    if sender is not [app for app in apps.get_app_configs() if app.models_module][-1]:
        return
    try:
        group_model = state["apps"].get_model("auth", "Group")
        permission_model = state["apps"].get_model("auth", "Permission")
    except LookupError:
        return  # the tables do not exist yet, or no longer
    for name, permissions in settings.ADMIN_GROUPS.items():
        wanted = [
            Q(content_type__app_label=app, codename=codename)
            for app, codename in (each.split(".") for each in permissions)
        ]
        group, _ = group_model.objects.using(using).get_or_create(name=name)
        found = permission_model.objects.using(using).filter(reduce(or_, wanted, Q(pk__in=())))
        group.permissions.set(found)
