"""People log in and out, change their password, and set a new one by email."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from pytest_django import Settings

PASSWORD = "correct horse battery staple"  # noqa: S105
NEW = "a completely different sentence"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def user() -> None:
    get_user_model().objects.create_user("ada@example.com", PASSWORD)


def log_in(
    client: Client,
    password: str = PASSWORD,
    email: str = "ada@example.com",
    address: str = "192.0.2.1",
) -> int:
    """Send the form, and return the status of the response."""
    values = {"username": email, "password": password}
    return client.post("/account/login/", values, REMOTE_ADDR=address).status_code


def test_people_log_in_and_out(client: Client) -> None:
    assert client.get("/account/login/").status_code == 200
    assert log_in(client, email="Ada@Example.com") == 302
    assert client.get("/account/").status_code == 200
    assert client.post("/account/logout/").status_code == 302
    assert client.get("/account/").status_code == 302


def without_tokens(page: str) -> str:
    """Return a page without the values that differ each time."""
    return re.sub(r'(value|nonce)="[^"]*"', "", page)


def test_a_failed_login_does_not_say_whether_the_account_exists(client: Client) -> None:
    known, unknown = (
        client.post("/account/login/", {"username": email, "password": "x"}).text
        for email in ("ada@example.com", "eve@example.com")
    )
    assert "Please enter a correct email address and password" in known
    assert without_tokens(known) == without_tokens(unknown)


def test_people_change_their_password(client: Client) -> None:
    log_in(client)
    assert client.get("/account/password_change/").status_code == 200
    values = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    response = client.post("/account/password_change/", values, follow=True)
    assert "has been changed" in response.text
    assert log_in(Client(), NEW) == 302


def test_people_set_a_new_password_by_mail(client: Client) -> None:
    page = client.post("/account/password_reset/", {"email": "Ada@example.com"}, follow=True)
    assert "is on its way" in page.text
    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    link = re.search(r"http://testserver(/account/reset/\S+)", str(message.body))
    assert link
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    response = client.post(form, {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "has been set" in response.text
    assert log_in(client, NEW) == 302
    assert "not valid" in Client().get(link[1]).text  # a link works once


def test_an_unknown_address_gets_the_same_page_and_no_mail(client: Client) -> None:
    known, unknown = (
        client.post("/account/password_reset/", {"email": email}, follow=True).text
        for email in ("ada@example.com", "eve@example.com")
    )
    assert without_tokens(known) == without_tokens(unknown)
    assert len(mail.outbox) == 1


def test_wrong_passwords_lock_an_account_for_a_client(client: Client) -> None:
    statuses = [
        log_in(client, "wrong", email) for email in ("ada@example.com", "Ada@example.com") * 3
    ]
    assert statuses == [200] * 4 + [429] * 2
    assert log_in(client) == 429
    assert log_in(client, address="192.0.2.2") == 302  # another client is not locked out


@pytest.mark.parametrize(
    ("address", "saved"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:50123", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:50123", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("unknown", None),
    ],
)
def test_in_production_the_client_is_the_one_that_the_proxy_names(
    client: Client, settings: Settings, address: str, saved: str | None
) -> None:
    """Proxies write an address in several forms; one without an address can also log in."""
    settings.IN_PRODUCTION = True
    values = {"username": "ada@example.com", "password": "wrong"}
    statuses = [
        client.post(
            "/account/login/",
            values,
            headers={"X-Forwarded-For": f"198.51.100.{number}, {address}"},
        ).status_code
        for number in range(6)
    ]
    assert statuses == [200] * 4 + [429] * 2
    assert AccessAttempt.objects.get().ip_address == saved
    values["password"] = PASSWORD
    other = {"X-Forwarded-For": "192.0.2.8:50123"}
    assert client.post("/account/login/", values, headers=other).status_code == 302
