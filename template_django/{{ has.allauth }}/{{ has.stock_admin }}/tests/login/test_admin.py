"""Staff log in to the admin as to the other pages, so that it asks for their second factor, too."""

import pytest
from django.apps import apps
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
