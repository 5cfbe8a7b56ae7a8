"""Addresses of your own, besides the API, the admin and the health checks.

https://docs.djangoproject.com/en/6.1/topics/http/urls/
"""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
