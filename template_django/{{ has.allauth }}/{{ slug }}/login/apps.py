"""The login app: accounts, with django-allauth. https://docs.allauth.org"""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_save


def trust_superusers(instance: Any, created: bool, **_: object) -> None:
    """Allow superusers from `createsuperuser` to log in without an emailed code."""
    if created and instance.is_superuser and instance.email:
        address = apps.get_model("account", "EmailAddress")
        address.objects.create(user=instance, email=instance.email, primary=True, verified=True)


class LoginConfig(AppConfig):
    name = __name__.rpartition(".")[0]

    def ready(self) -> None:
        post_save.connect(trust_superusers, sender=settings.AUTH_USER_MODEL)
