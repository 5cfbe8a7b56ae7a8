"""The example page requires a login."""

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
