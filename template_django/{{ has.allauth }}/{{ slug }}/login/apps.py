"""The login app: accounts, with django-allauth. https://docs.allauth.org"""

from collections.abc import Collection
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_save


def sync_address(
    instance: Any,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **_: object,
) -> None:
    """Tell allauth the address of a user that was saved without it, for example in the admin.

    A superuser, which `createsuperuser` adds, needs no emailed code. If the address of a user has
    changed, the old one no longer logs in or resets the password, and the new one needs a code.
    """
    if raw or not instance.email or (update_fields and "email" not in update_fields):
        return  # `loaddata` also loads the addresses
    addresses = apps.get_model("account", "EmailAddress").objects.using(using)
    if created:
        if instance.is_superuser:
            addresses.create(user=instance, email=instance.email, primary=True, verified=True)
        return
    known, email = addresses.filter(user=instance), instance.email.lower()
    if known.filter(primary=True).exclude(email=email).exists():
        known.delete()
        addresses.create(user=instance, email=email, primary=True)


class LoginConfig(AppConfig):
    name = __name__.rpartition(".")[0]

    def ready(self) -> None:
        post_save.connect(sync_address, sender=settings.AUTH_USER_MODEL)
