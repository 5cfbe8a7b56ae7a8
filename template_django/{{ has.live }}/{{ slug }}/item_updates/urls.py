"""URLs below /live/: WebSockets, and the response to plain requests."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from .consumers import ItemListConsumer


def only_websockets(_: HttpRequest) -> HttpResponse:
    """Refuse plain requests. The view gives the URL its name."""
    return HttpResponse("This URL is for WebSockets.", status=400, content_type="text/plain")


app_name = "item_updates"
urlpatterns = [path("items/", only_websockets, name="list")]

websocket_urlpatterns: list[Any] = [
    path("live/items/", ItemListConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path("", WebsocketDenier.as_asgi()),  # type: ignore[arg-type]  # all others
]
