"""Notes over HTTP."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_note_is_greeted(client: Client) -> None:
    created = client.post("/api/notes", {"text": "Buy milk"}, "application/json")
    assert (created.status_code, created.json()) == (201, {"note": "Hello, this is the 1st"})
