"""Staff log in to the admin as to the other pages, with their second factor."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from . import account_admin  # noqa: F401

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
