"""The same endpoints with Django Ninja, as its documentation shows them: https://django-ninja.dev."""

from base64 import urlsafe_b64encode
from datetime import datetime

from django.db import IntegrityError
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from django_app import Item, admin
from ninja import Field, NinjaAPI, Query, Schema
from ninja.errors import HttpError

api = NinjaAPI()


class Status(Schema):
    status: str
    version: int


class ItemCreate(Schema):
    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=1000)
    quantity: int = Field(default=0, ge=0, le=2**31 - 1)


class ItemRead(Schema):
    id: int
    name: str
    description: str
    quantity: int
    created_at: datetime
    updated_at: datetime


class PageRequest(Schema):
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0)


class ItemPage(Schema):
    results: list[ItemRead]
    total: int
    limit: int
    offset: int
    next: str | None


@api.get("/bench/json", response=Status)
def get_json(request: HttpRequest) -> dict[str, object]:
    return {"status": "ok", "version": 1}


@api.get("/v1/items", response=ItemPage)
def list_items(request: HttpRequest, page: Query[PageRequest]) -> dict[str, object]:
    found = Item.objects.all()
    rows = list(found[page.offset : page.offset + page.limit + 1])
    results, cursor = rows[: page.limit], None
    if len(rows) > page.limit:
        last = results[-1].pk
        cursor = urlsafe_b64encode(b'["id",%d,%d]' % (last, last)).decode().rstrip("=")
    return {
        "results": results,
        "total": found.count(),
        "limit": page.limit,
        "offset": page.offset,
        "next": cursor,
    }


@api.get("/v1/items/{int:item_id}", response=ItemRead)
def get_item(request: HttpRequest, item_id: int) -> Item:
    return get_object_or_404(Item, pk=item_id)


@api.post("/v1/items", response={201: ItemRead})
def create_item(request: HttpRequest, values: ItemCreate) -> Item:
    try:
        return Item.objects.create(**values.model_dump())
    except IntegrityError:
        raise HttpError(409, "the name is taken") from None


urlpatterns = [path("admin/", admin.site.urls), path("api/", api.urls)]
