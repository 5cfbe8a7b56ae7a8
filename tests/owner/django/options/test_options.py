"""A job, a WebSocket and a page of the admin of the owner's."""

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string
from pytest_django import DjangoCaptureOnCommitCallbacks

from service.asgi import application
from service.background.models import Job
from service.items.models import Item
from service.orders import consumers, jobs
from service.orders.models import Order

pytestmark = pytest.mark.django_db


def create_order(name: str, quantity: int) -> Order:
    item, _ = Item.objects.get_or_create(name="Lamp")
    return Order.objects.create(name=name, quantity=quantity, item=item)


def test_a_job_runs_and_pages_are_told(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    kept, empty = create_order("First", 1), create_order("Second", 0)
    with patch.object(consumers, "announce") as announce, django_capture_on_commit_callbacks(execute=True):
        job = jobs.delete_empty.start([min(kept.pk, empty.pk)], None)
    assert list(Order.objects.all()) == [kept]
    announce.assert_called_once_with("orders")
    done = Job.objects.get(pk=job.pk)
    assert (done.title, done.total, done.finished_at is None) == ("Delete empty orders", 1, False)
    assert [part.result for part in done.parts.all()] == ["1\r\n"]


def test_a_function_is_scheduled() -> None:
    (name,) = (name for name, seconds in settings.JOB_SCHEDULE.items() if seconds == 7)
    import_string(name)()
    assert jobs.CALLS == ["called"]


def test_strangers_do_not_follow_orders() -> None:
    events = asyncio.Queue[Any]()
    events.put_nowait({"type": "websocket.connect"})
    events.put_nowait({"type": "websocket.disconnect", "code": 1001})
    sent = asyncio.Queue[Any]()
    origin = (b"origin", b"http://localhost:8000")
    scope: Any = {"type": "websocket", "path": "/live/orders/", "headers": [origin]}
    async_to_sync(application)(scope, events.get, sent.put)
    assert sent.get_nowait()["type"] == "websocket.accept"
    assert sent.get_nowait()["code"] == 1008


def test_staff_see_orders(staff: Client) -> None:
    create_order("First", 1)
    assert "First" in staff.get("/admin/orders/order/").text
