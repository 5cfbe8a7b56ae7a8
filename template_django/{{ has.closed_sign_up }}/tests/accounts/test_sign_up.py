"""Administrators add users: nobody signs up."""

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

pytestmark = pytest.mark.django_db


def test_nobody_signs_up(client: Client) -> None:
    values = {"email": "eve@example.com", "password1": "correct horse battery staple"}
    assert "closed" in client.post("/account/signup/", values).text
    assert not get_user_model().objects.exists()
    login = client.get("/account/login/").text
    assert "passkey_login" in login
    assert "signup" not in login
    client.post("/account/password/reset/", {"email": "eve@example.com"})
    assert mail.outbox[-1].to == ["eve@example.com"]
    assert "there is no account with this address" in str(mail.outbox[-1].body)
    assert "signup" not in str(mail.outbox[-1].body)
