"""The ceiling for Django: what `startproject` gives, in one file, with settings for production and plain views.

https://docs.djangoproject.com/en/6.1/ref/settings/. benchmarks/frameworks.py selects variants of it with variables.
"""

import json
import os
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit

import django
from django.conf import settings

database = urlsplit(os.environ["DATABASE_URL"])
urlconf = os.environ.get("URLCONF", __name__)

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    DEBUG=False,
    ALLOWED_HOSTS=os.environ["ALLOWED_HOSTS"].split(","),
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        *{"ninja_urls": ["ninja"], "drf_urls": ["rest_framework"]}.get(urlconf, []),
    ],
    MIDDLEWARE=[]
    if os.environ.get("MIDDLEWARE") == "none"
    else [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    ROOT_URLCONF=urlconf,
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        },
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database.path.removeprefix("/"),
            "USER": database.username,
            "HOST": database.hostname,
            "PORT": database.port,
            "OPTIONS": {"pool": {"min_size": 1, "max_size": int(os.environ["POOL_SIZE"])}},
        }
    },
    TIME_ZONE="UTC",
    STATIC_URL="static/",
)
django.setup()

# All of these need the settings.
from django import forms  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_GET, require_http_methods  # noqa: E402


class Item(models.Model):
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=1000, blank=True, default="")
    quantity = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "items"
        ordering = ("id",)

    def as_dict(self) -> dict[str, object]:
        return {
            "id": self.pk,
            "name": self.name,
            "description": self.description,
            "quantity": self.quantity,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


class ItemForm(forms.ModelForm):
    class Meta:
        model = Item
        fields = ("name", "description", "quantity")


@require_GET
def get_json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "version": 1})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def items(request: HttpRequest) -> JsonResponse:
    return create_item(request) if request.method == "POST" else list_items(request)


def list_items(request: HttpRequest) -> JsonResponse:
    try:
        limit = int(request.GET.get("limit", 20))
        offset = int(request.GET.get("offset", 0))
    except ValueError:
        return JsonResponse({"error": "limit and offset are numbers"}, status=400)
    if not 1 <= limit <= 100 or offset < 0:
        return JsonResponse({"error": "limit is from 1 to 100, offset from 0"}, status=400)
    found = Item.objects.all()
    rows = list(found[offset : offset + limit + 1])
    cursor, last = None, rows[limit - 1].pk if len(rows) > limit else None
    if last:
        cursor = urlsafe_b64encode(b'["id",%d,%d]' % (last, last)).decode().rstrip("=")
    page = [item.as_dict() for item in rows[:limit]]
    return JsonResponse({"results": page, "total": found.count(), "limit": limit, "offset": offset, "next": cursor})


def create_item(request: HttpRequest) -> JsonResponse:
    try:
        form = ItemForm(json.loads(request.body))
    except ValueError:
        return JsonResponse({"error": "the body is not JSON"}, status=400)
    if not form.is_valid():
        return JsonResponse(form.errors.get_json_data(), status=422)
    return JsonResponse(form.save().as_dict(), status=201)


@require_GET
def get_item(request: HttpRequest, item_id: int) -> JsonResponse:
    return JsonResponse(get_object_or_404(Item, pk=item_id).as_dict())


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/bench/json", get_json),
    path("api/v1/items", items),
    path("api/v1/items/<int:item_id>", get_item),
]

application = get_asgi_application() if os.environ.get("INTERFACE") == "asgi" else get_wsgi_application()
