"""The same endpoints as async views, and those that wait: https://docs.djangoproject.com/en/6.1/topics/async/.

Creating is not among them: Django's forms have no async methods.
"""

import asyncio
import os
from collections.abc import AsyncIterator

import httpx2
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.shortcuts import aget_object_or_404
from django.urls import path
from django_app import Item, admin

client = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None))


async def get_json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "version": 1})


async def get_item(request: HttpRequest, item_id: int) -> JsonResponse:
    return JsonResponse((await aget_object_or_404(Item, pk=item_id)).as_dict())


async def list_items(request: HttpRequest) -> JsonResponse:
    limit, offset = int(request.GET.get("limit", 20)), int(request.GET.get("offset", 0))
    found = Item.objects.all()
    page = [item.as_dict() async for item in found[offset : offset + limit]]
    return JsonResponse({"results": page, "total": await found.acount(), "limit": limit, "offset": offset})


async def slow(request: HttpRequest) -> JsonResponse:
    return JsonResponse((await client.get(os.environ["SLOW_URL"])).json())


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(events(), content_type="text/event-stream")


async def events() -> AsyncIterator[str]:
    yield "data: open\n\n"
    await asyncio.Event().wait()


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/bench/json", get_json),
    path("api/bench/slow", slow),
    path("api/bench/stream", stream),
    path("api/v1/items", list_items),
    path("api/v1/items/<int:item_id>", get_item),
]
