"""Editors change items; support staff look at items and users."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def member_of(group: str) -> Client:
    """Return a client whose user belongs to a group."""
    user = get_user_model().objects.create_user("ada@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("group", "items", "new_item", "users"),
    [("editor", 200, 200, 403), ("support", 200, 403, 200)],
)
def test_groups_may_do_different_things(group: str, items: int, new_item: int, users: int) -> None:
    client = member_of(group)
    assert client.get(reverse("admin:items_item_changelist")).status_code == items
    assert client.get(reverse("admin:items_item_add")).status_code == new_item
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == users
    assert client.get(reverse("admin:accounts_user_add")).status_code == 403
    assert client.get(reverse("admin:admin_logentry_changelist")).status_code == 403
