"""Where everything is. Addresses of your own belong in the urls.py beside this package."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path, re_path

from .. import urls
from ..api import api
from .about import NAME
from .errors import unknown_address

admin.site.site_header = admin.site.site_title = NAME

urlpatterns = [
    path("api/", api.urls),
    re_path(r"^api(?:/|$)", unknown_address),
    path("admin/", admin.site.urls),
    path("", include(urls)),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),  # in development alone
]
