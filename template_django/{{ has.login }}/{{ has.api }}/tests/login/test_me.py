"""The example operation requires a login."""

from django.contrib.auth import get_user_model
from django.test import Client


def test_an_operation_returns_401(client: Client) -> None:
    response = client.get("/api/me")
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


def test_the_operation_shows_who_is_logged_in(client: Client, db: None) -> None:
    client.force_login(get_user_model().objects.create_user("ada@example.com", first_name="Ada"))
    expected = {"email": "ada@example.com", "first_name": "Ada", "last_name": ""}
    assert client.get("/api/me").json() == expected
