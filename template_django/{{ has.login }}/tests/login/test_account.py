"""The example page and the example operation require a login."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.shortcuts import resolve_url
from django.test import Client


def test_a_page_sends_people_to_the_login(client: Client) -> None:
    response = client.get("/account/")
    assert response.status_code == 302
    assert response["Location"] == resolve_url(settings.LOGIN_URL) + "?next=/account/"


def test_the_page_shows_who_is_logged_in(client: Client, db: None) -> None:
    client.force_login(get_user_model().objects.create_user("ada@example.com"))
    assert "ada@example.com" in client.get("/account/").text


def test_an_operation_returns_401(client: Client) -> None:
    response = client.get("/api/me")
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


def test_the_operation_shows_who_is_logged_in(client: Client, db: None) -> None:
    client.force_login(get_user_model().objects.create_user("ada@example.com", first_name="Ada"))
    expected = {"email": "ada@example.com", "first_name": "Ada", "last_name": ""}
    assert client.get("/api/me").json() == expected
