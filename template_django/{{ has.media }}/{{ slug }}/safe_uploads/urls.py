"""In development, Django serves uploaded files; in production, the proxy or the bucket does."""

from django.conf import settings
from django.urls import URLPattern, path
from django.views.static import serve

urlpatterns: list[URLPattern] = []
if settings.DEBUG:
    urlpatterns += [path("<path:path>", serve, {"document_root": settings.MEDIA_ROOT})]
