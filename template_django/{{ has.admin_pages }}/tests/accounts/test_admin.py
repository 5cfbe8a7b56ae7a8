"""Admin pages for users."""

from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

User = get_user_model()
PASSWORD = "correct horse battery staple"  # noqa: S105


def test_staff_adds_finds_and_changes_a_user(staff: Client) -> None:
    users = reverse("admin:accounts_user_changelist")
    values = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    for email, problem in {"ada@example.com": None, "Ada@example.com": "already exists"}.items():
        response = staff.post(f"{users}add/", values | {"email": email})
        assert response.status_code == (200 if problem else 302)
        assert (problem or "") in response.text
    ada = User.objects.get(email="ada@example.com")
    assert ada.check_password(PASSWORD)

    change = reverse("admin:accounts_user_change", args=[ada.pk])
    assert change in staff.get(users, {"q": "ada@"}).text
    assert staff.get(change).status_code == 200


def test_each_app_has_its_own_heading(staff: Client) -> None:
    apps = staff.get(reverse("admin:index")).context["app_list"]
    headings = [app["name"] for app in apps]
    assert "Users" in headings
    assert sorted({*headings}) == sorted(headings)
