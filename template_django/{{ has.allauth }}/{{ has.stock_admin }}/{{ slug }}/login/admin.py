"""Staff log in to the admin as to the other pages, with their second factor."""

from allauth.account.decorators import secure_admin_login
from allauth.usersessions.admin import UserSessionAdmin
from allauth.usersessions.models import UserSession
from django.contrib import admin

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister(UserSession)


@admin.register(UserSession)
class SessionAdmin(UserSessionAdmin):  # type: ignore[misc]
    """Sessions, which the package's own page searches by user name."""

    search_fields = ("user__email", "ip")
