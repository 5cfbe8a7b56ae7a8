"""Views that wait: for a slow service, and for events that never come."""

import os
import time
from collections.abc import Iterator

import httpx2
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path
from django_app import urlpatterns as plain

client = httpx2.Client()


def slow(request: HttpRequest) -> JsonResponse:
    return JsonResponse(client.get(os.environ["SLOW_URL"]).json())


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(events(), content_type="text/event-stream")


def events() -> Iterator[str]:
    yield "data: open\n\n"
    while True:
        time.sleep(3600)


urlpatterns = [*plain, path("api/bench/slow", slow), path("api/bench/stream", stream)]
