"""People sign up, log in, set a new password by email, and add second factors."""

import base64
import hmac
import re
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

PASSWORD = "correct horse battery staple"  # noqa: S105
NEW = "a completely different sentence"

pytestmark = pytest.mark.django_db


def sign_up(client: Client, email: str = "ada@example.com") -> str:
    """Fill in the form, and return the code in the mail."""
    values = {"email": email, "password1": PASSWORD}
    response = client.post("/account/signup/", values, follow=True)
    assert response.redirect_chain[-1][0] == "/account/confirm-email/"
    code = re.search(r"^\w{4}-\w{4}$", str(mail.outbox[-1].body), re.MULTILINE)
    return code[0] if code else ""


def log_in(client: Client, password: str = PASSWORD, email: str = "ada@example.com") -> str:
    """Send the form, and return where it leads, or else the page."""
    values = {"login": email, "password": password}
    response = client.post("/account/login/", values)
    return response["Location"] if response.status_code == 302 else response.text


@pytest.fixture
def member(client: Client) -> Client:
    """Return a client who has signed up, and has just given the password again."""
    client.post("/account/confirm-email/", {"code": sign_up(client)})
    cache.clear()  # the next mail to this address need not wait
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def test_people_sign_up_with_a_code_from_a_mail(client: Client) -> None:
    code = sign_up(client)
    assert mail.outbox[-1].to == ["ada@example.com"]
    client.post("/account/confirm-email/", {"code": "BBBB-BBBB"})
    assert client.get("/account/").status_code == 302
    client.post("/account/confirm-email/", {"code": code})
    assert "ada@example.com" in client.get("/account/").text


def test_signing_up_does_not_say_whether_an_account_exists(member: Client) -> None:
    assert sign_up(Client()) == ""  # the same page, but the mail contains no code
    assert "already exists" in str(mail.outbox[-1].body)


def test_a_failed_login_does_not_say_whether_an_account_exists(member: Client) -> None:
    for email in ("ada@example.com", "eve@example.com"):
        assert "email address and/or password you specified are not correct" in log_in(
            Client(), "wrong", email
        )


def test_people_log_in_and_out(member: Client) -> None:
    member.post("/account/logout/")
    assert member.get("/account/").status_code == 302
    assert log_in(member, email="Ada@example.com") == "/account/"


def test_people_set_a_new_password_by_mail(member: Client) -> None:
    client = Client()
    client.post("/account/password/reset/", {"email": "ada@example.com"})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})
    assert log_in(client, NEW) == "/account/"
    assert "invalid" in Client().get(link[1]).text  # a link works once


def test_wrong_passwords_are_limited_for_an_account(member: Client) -> None:
    client = Client()
    pages = [log_in(client, "wrong") for _ in range(6)]
    assert ["Too many failed" in page for page in pages] == [False] * 5 + [True]
    assert "Too many failed" in log_in(client)
    assert "Too many failed" not in log_in(client, "wrong", "eve@example.com")


def test_wrong_passwords_are_limited_for_a_client(client: Client, settings: Settings) -> None:
    """In production, its address is the one that the proxy adds."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    pages = [
        client.post(
            "/account/login/",
            {"login": f"user{number}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.7"},
        ).text
        for number in range(11)
    ]
    assert ["Too many failed" in page for page in pages] == [False] * 10 + [True]


def one_time_code(secret: str) -> str:
    """Compute what an authenticator app shows: https://www.rfc-editor.org/rfc/rfc6238."""
    counter = int(time.time() // 30).to_bytes(8)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


def test_a_second_factor_is_required_once_it_is_added(member: Client) -> None:
    page = member.get("/account/2fa/totp/activate/").text
    secret = re.search(r'id="authenticator_secret"[^>]*value="(\w+)"', page, re.DOTALL)
    assert secret
    added = member.post("/account/2fa/totp/activate/", {"code": one_time_code(secret[1])})
    assert added["Location"] == "/account/2fa/recovery-codes/"
    codes = member.get("/account/2fa/recovery-codes/").text
    recovery = re.search(r"<textarea[^>]*>\s*(\d{8})", codes)
    assert recovery

    client = Client()
    assert log_in(client) == "/account/2fa/authenticate/"
    assert client.get("/account/").status_code == 302
    client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert client.get("/account/").status_code == 302
    client.post("/account/2fa/authenticate/", {"code": recovery[1]})
    assert client.get("/account/").status_code == 200


def test_failed_logins_are_counted_for_all_workers() -> None:
    cache.set("attempts", 3)
    entries = apps.get_model("login", "CacheEntry").objects.all()
    assert [str(entry) for entry in entries] == [":1:attempts"]


def test_people_end_their_other_sessions(member: Client) -> None:
    other = Client(headers={"User-Agent": "Another browser"})
    assert log_in(other) == "/account/"
    assert "Another browser" in member.get("/account/sessions/").text
    member.post("/account/sessions/")
    assert other.get("/account/").status_code == 302
    assert member.get("/account/").status_code == 200


def test_a_superuser_of_the_command_line_needs_no_code(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--email=root@example.com")
    assert log_in(client, email="root@example.com") == "/account/"


def test_without_a_mail_server_nothing_changes(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no response says whether an account exists."""
    get_user_model().objects.create_user("ada@example.com", PASSWORD)
    with monkeypatch.context() as patch:
        patch.setattr(mail.EmailMessage, "send", Mock(side_effect=ConnectionRefusedError))
        for email in ("ada@example.com", "eve@example.com"):
            values = {"email": email, "password1": PASSWORD}
            for address in ("/account/signup/", "/account/password/reset/"):
                page = client.post(address, values)
                assert page.status_code == 503
                assert "Please try again later." in page.text
            assert email not in capsys.readouterr().out
    cache.clear()
    assert get_user_model().objects.count() == 1
    assert sign_up(Client(), "eve@example.com")


def test_after_a_change_by_staff_the_old_address_is_useless(member: Client) -> None:
    """As in the admin. Also a link that was sent before no longer works."""
    member.post("/account/logout/")
    Client().post("/account/password/reset/", {"email": "ada@example.com"})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link
    cache.clear()
    user = get_user_model().objects.get()
    user.email = "countess@example.com"
    user.save()

    assert "are not correct" in log_in(Client())
    Client().post("/account/password/reset/", {"email": "ada@example.com"})
    assert "/password/reset/key/" not in str(mail.outbox[-1].body)
    assert "invalid" in Client().get(link[1]).text

    client = Client()
    assert log_in(client, email="countess@example.com") == "/account/confirm-email/"
    assert mail.outbox[-1].to == ["countess@example.com"]
    code = re.search(r"^\w{4}-\w{4}$", str(mail.outbox[-1].body), re.MULTILINE)
    assert code
    client.post("/account/confirm-email/", {"code": code[0]})
    assert "countess@example.com" in client.get("/account/").text


def test_a_backup_can_be_loaded(tmp_path: Path) -> None:
    """`loaddata` loads the addresses of users too."""
    get_user_model().objects.create_superuser("root@example.com", PASSWORD)
    file = tmp_path / "all.json"
    call_command("dumpdata", "accounts.user", "account.emailaddress", output=file)
    get_user_model().objects.all().delete()
    call_command("loaddata", file, verbosity=0)
    assert apps.get_model("account", "EmailAddress").objects.get().verified


PAGES = [
    "",
    "email/",
    "password/change/",
    "logout/",
    "reauthenticate/",
    "sessions/",
    "2fa/",
    "2fa/totp/activate/",
    "2fa/webauthn/",
    "2fa/webauthn/add/",
]


@pytest.mark.parametrize("page", PAGES)
def test_browsers_run_every_page_under_the_policy(member: Client, page: str) -> None:
    text = member.get(f"/account/{page}").text
    assert "<main" in text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
