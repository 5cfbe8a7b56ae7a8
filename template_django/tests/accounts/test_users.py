"""Users log in with their email address."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError

pytestmark = pytest.mark.django_db

User = get_user_model()
PASSWORD = "correct horse battery staple"  # noqa: S105


def test_upper_and_lower_case_are_the_same_address() -> None:
    user = User.objects.create_user(" Ada@Example.COM", PASSWORD)
    assert user.email == "ada@example.com"
    assert User.objects.get_by_natural_key("ADA@example.com") == user
    assert user.check_password(PASSWORD)


def test_asynchronous_code_finds_users_the_same_way() -> None:
    user = User.objects.create_user("ada@example.com")
    assert async_to_sync(User.objects.aget_by_natural_key)("Ada@example.com") == user


@pytest.mark.parametrize("email", ["ada@example.com", "Ada@example.com"])
def test_an_address_belongs_to_one_user(email: str) -> None:
    User.objects.create_user("ada@example.com")
    with pytest.raises(IntegrityError):
        User(email=email).save()


def test_a_user_without_a_password_cannot_log_in() -> None:
    assert not User.objects.create_user("ada@example.com").has_usable_password()


def test_createsuperuser_needs_only_an_address_and_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--email=Ada@example.com")
    user = User.objects.get(email="ada@example.com")
    assert user.check_password(PASSWORD)
    assert user.is_staff
    assert user.is_superuser
