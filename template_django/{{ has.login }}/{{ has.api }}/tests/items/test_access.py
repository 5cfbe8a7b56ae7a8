"""Anybody can read items; changes require a login, and a token that other sites cannot read."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from .test_items import ITEMS, JSON

pytestmark = pytest.mark.django_db

WRITES = [("POST", ITEMS), ("PATCH", f"{ITEMS}/1"), ("DELETE", f"{ITEMS}/1")]


def test_reading_needs_no_login(client: Client) -> None:
    assert client.get(ITEMS).json()["total"] == 0
    assert client.get(f"{ITEMS}/1").status_code == 404


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_changes_need_a_login(client: Client, method: str, path: str) -> None:
    refused = client.generic(method, path, '{"name": "Lamp"}', JSON)
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert client.get(ITEMS).json()["total"] == 0


def test_changes_need_a_token(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_user("ada@example.com"))
    refused = client.post(ITEMS, {"name": "Lamp"}, JSON)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert client.get("/api/docs?script=").status_code == 200
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}  # as the page sends it
    assert client.post(ITEMS, {"name": "Lamp"}, JSON, headers=token).status_code == 201


def test_the_schema_says_so(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {} in paths[ITEMS]["get"].get("security", [{}])
    assert {} not in paths[ITEMS]["post"]["security"]
    for status in ("401", "403"):
        [media_type] = paths[ITEMS]["post"]["responses"][status]["content"]
        assert media_type == "application/problem+json"
