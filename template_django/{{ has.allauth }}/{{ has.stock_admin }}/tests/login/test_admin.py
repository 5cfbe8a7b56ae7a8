"""Staff log in to the admin as to the other pages, so that it asks for their second factor, too."""

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse


@pytest.mark.django_db
def test_the_admin_leads_to_the_login(client: Client) -> None:
    index = reverse("admin:index")
    login = client.get(index, follow=True).redirect_chain[-1][0]
    assert login.startswith(f"{reverse('account_login')}?next=")


def test_its_own_form_accepts_no_password(client: Client, db: None) -> None:
    response = client.post(reverse("admin:login"), {"username": "ada@example.com", "password": "x"})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_staff_verify_an_address(staff: Client) -> None:
    addresses = apps.get_model("account", "EmailAddress")
    addresses.objects.update(verified=False)
    page = reverse("admin:account_emailaddress_changelist")
    chosen = list(addresses.objects.values_list("pk", flat=True))
    staff.post(page, {"action": "make_verified", "_selected_action": chosen})
    assert [address.verified for address in addresses.objects.all()] == [True]


def test_deleting_sessions_logs_their_users_out(staff: Client) -> None:
    sessions = apps.get_model("usersessions", "UserSession").objects
    user = get_user_model().objects.get()
    other = Client()
    other.force_login(user)
    for each in (other, staff):
        key = each.session.session_key
        sessions.create(user=user, ip="127.0.0.1", user_agent="", session_key=key)
    stolen = sessions.get(session_key=other.session.session_key)
    staff.post(reverse("admin:usersessions_usersession_delete", args=[stolen.pk]), {"post": "yes"})
    assert ["_auth_user_id" in each.session for each in (other, staff)] == [False, True]
    values = {"action": "delete_selected", "_selected_action": sessions.get().pk, "post": "yes"}
    staff.post(reverse("admin:usersessions_usersession_changelist"), values)
    assert ("_auth_user_id" in staff.session, sessions.exists()) == (False, False)
