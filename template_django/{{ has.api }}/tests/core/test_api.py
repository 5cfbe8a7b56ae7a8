"""A Django view serves the API: settings, decorators and transactions apply to it."""

from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import clear_url_caches, include, path
from pytest_django import Settings

from . import probe

pytestmark = pytest.mark.urls("tests.core.probe")


def test_operations_allow_no_resources(client: Client, settings: Settings) -> None:
    settings.SECURE_CSP = {"img-src": ["https://images.example"]}
    operation = client.get("/v1/numbers/7")
    assert "default-src 'none'" in operation["Content-Security-Policy"]


def test_security_headers_follow_the_decorators(client: Client) -> None:
    response = client.get("/v1/frame")
    assert response.status_code == 200
    assert "Content-Security-Policy" not in response
    assert "X-Frame-Options" not in response


def test_a_path_with_a_bad_value_has_its_route(
    client: Client, log_lines: Callable[[], list[dict[str, object]]]
) -> None:
    client.get("/v1/numbers/x")
    [line] = log_lines()
    assert (line["route"], line["status"]) == ("/v1/numbers/{number}", 422)


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that moves the API below another prefix."""

    def mount(prefix: str) -> None:
        included = include([path("", probe.api_urls)])
        monkeypatch.setattr(probe, "urlpatterns", [path(prefix, included)])
        clear_url_caches()

    yield mount
    clear_url_caches()


@pytest.mark.parametrize(
    ("prefix", "inside", "outside"),
    [
        ("v2/api/", "/v2/api/nothing", "/v2/nothing"),
        ("<int:tenant>/", "/7/nothing", "/seven/nothing"),
        ("", "/nothing", None),
    ],
)
def test_errors_of_the_api_are_problems_below_any_prefix(
    client: Client,
    mount: Callable[[str], None],
    prefix: str,
    inside: str,
    outside: str | None,
) -> None:
    mount(prefix)
    assert client.get(inside)["Content-Type"] == "application/problem+json"
    if outside:
        assert client.get(outside)["Content-Type"].startswith("text/html")


def test_a_router_can_ask_for_a_session(staff: Client) -> None:
    refused = Client().get("/v1/members/name")
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert staff.get("/v1/members/name").json() == "staff"


@pytest.mark.django_db
def test_a_failed_request_is_rolled_back_if_requests_are_transactions(client: Client) -> None:
    with patch.dict(connection.settings_dict, ATOMIC_REQUESTS=True):
        assert client.put("/v1/groups?name=staff").status_code == 409
    assert not Group.objects.filter(name="staff").exists()
