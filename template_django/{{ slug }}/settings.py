"""Django's settings of this service: the template's, then yours, which win.

https://docs.djangoproject.com/en/6.1/ref/settings/
"""

from .core.settings import *  # noqa: F403
from .core.settings import INSTALLED_APPS, PACKAGE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    f"{PACKAGE}.accounts",
    f"{PACKAGE}.items",
]

AUTH_USER_MODEL = "accounts.User"
